export { MappedStore } from "./store/mapped-store.ts";
