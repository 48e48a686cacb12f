/** Begins when the page is there. */
import type { PageData } from "../src/cli/report/page-data.ts";
import { drawCharts } from "./charts.ts";
import { RecordsTable } from "./records-table.ts";
import { onThemeChange } from "./theme.ts";

const data = JSON.parse(document.getElementById("data")?.textContent ?? "") as PageData;
let waiting: ReturnType<typeof setTimeout> | undefined;

drawCharts(data);
if (document.getElementById("filter") !== null) RecordsTable.begin(data);
onThemeChange(() => drawCharts(data));
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => drawCharts(data), 150);
});
document.documentElement.dataset["ready"] = "";
