/*
 * The native floor: the same log as wal-db's, written straight on the system's calls, as a measure of
 * what the machine gives. A frame is
 *
 *     0        4        8
 *     | crc32c | length | payload ... |        both u32, little-endian; the checksum is over [4, end)
 *
 * An append reserves its bytes with one atomic addition, frames them in a buffer of its thread, writes
 * them with one pwrite and notes under a mutex that they are there, and says so to all who wait. A commit
 * waits until a flush (fdatasync; F_FULLFSYNC on macOS) that began after its bytes were there has ended;
 * whoever finds no flush under way makes it for all that wait. The cases "tuned" have two conditions to wait
 * for instead of one, so that an append wakes nobody who waits for a flush: more than the plain design does.
 *
 *     floor FOLDER case ...          prints one line of JSON, an entry for each figure
 *
 * Each case is measured three times, and the median told: the first warms up. It checks what it reads, and
 * leaves its files in FOLDER.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 8, PAYLOAD = 256, FRAME = HEADER + PAYLOAD, MIB = 1 << 20 };
enum { APPENDS = 300000, MEMORY_APPENDS = 1000000, THREAD_APPENDS = 200000, REPLAYED = 500000 };
enum { BIG_RECORDS = 256, GROUP = 1000, GROUPS = 100, MOST_THREADS = 128 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- CRC32C: by the processor's instruction where there is one, by tables where not ---- */

static uint32_t tables[8][256];

static void make_tables(void) {
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t c = n;
    for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
    tables[0][n] = c;
  }
  for (int k = 1; k < 8; k++)
    for (int n = 0; n < 256; n++)
      tables[k][n] = (tables[k - 1][n] >> 8) ^ tables[0][tables[k - 1][n] & 255];
}

static uint32_t crc_by_tables(uint32_t c, const uint8_t *b, size_t n) {
  for (; n >= 8; b += 8, n -= 8) {
    uint32_t lo, hi;
    memcpy(&lo, b, 4);
    memcpy(&hi, b + 4, 4);
    lo ^= c;
    c = tables[7][lo & 255] ^ tables[6][lo >> 8 & 255] ^ tables[5][lo >> 16 & 255] ^ tables[4][lo >> 24] ^
        tables[3][hi & 255] ^ tables[2][hi >> 8 & 255] ^ tables[1][hi >> 16 & 255] ^ tables[0][hi >> 24];
  }
  while (n--) c = (c >> 8) ^ tables[0][(c ^ *b++) & 255];
  return c;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t c, const uint8_t *b, size_t n) {
  uint64_t k = c;
  for (; n >= 8; b += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, b, 8);
    k = _mm_crc32_u64(k, word);
  }
  c = (uint32_t)k;
  while (n--) c = _mm_crc32_u8(c, *b++);
  return c;
}
static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#define INSTRUCTION "sse4.2"
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc_by_instruction(uint32_t c, const uint8_t *b, size_t n) {
  for (; n >= 8; b += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, b, 8);
    c = __crc32cd(c, word);
  }
  while (n--) c = __crc32cb(c, *b++);
  return c;
}
static bool has_instruction(void) { return true; }
#define INSTRUCTION "armv8"
#else
#define crc_by_instruction crc_by_tables
static bool has_instruction(void) { return false; }
#define INSTRUCTION "tables"
#endif

static bool by_instruction;

static uint32_t crc32c(const uint8_t *b, size_t n) {
  return ~(by_instruction ? crc_by_instruction(~0u, b, n) : crc_by_tables(~0u, b, n));
}

/* ---- The log ---- */

static void put_frame(uint8_t *into, const uint8_t *payload, uint32_t length) {
  memcpy(into + 4, &length, 4);
  memcpy(into + HEADER, payload, length);
  uint32_t crc = crc32c(into + 4, length + 4);
  memcpy(into, &crc, 4);
}

static void write_all(int fd, const uint8_t *bytes, size_t count, off_t at) {
  while (count > 0) {
    ssize_t done = pwrite(fd, bytes, count, at);
    if (done < 0) fail("pwrite");
    bytes += done, count -= (size_t)done, at += done;
  }
}

static void flush(int fd) {
#if defined(__APPLE__)
  if (fcntl(fd, F_FULLFSYNC) != 0) fail("F_FULLFSYNC");
#else
  if (fdatasync(fd) != 0) fail("fdatasync");
#endif
}

static int make_file(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail(path);
  return fd;
}

/*
 * Ranges that are written above one that is not yet, as a heap: the lowest first. A thread that is
 * slow to write holds up many of the others', so there is no bound to their number.
 */
struct range { uint64_t start, end; };
struct heap {
  struct range *ranges;
  size_t count, room;
};

static void swap_ranges(struct range *a, struct range *b) {
  struct range kept = *a;
  *a = *b, *b = kept;
}

static void push_range(struct heap *heap, struct range range) {
  if (heap->count == heap->room) {
    heap->room = heap->room == 0 ? 64 : heap->room * 2;
    heap->ranges = realloc(heap->ranges, heap->room * sizeof range);
    if (heap->ranges == NULL) fail("realloc");
  }
  size_t at = heap->count++;
  heap->ranges[at] = range;
  for (; at > 0 && heap->ranges[(at - 1) / 2].start > heap->ranges[at].start; at = (at - 1) / 2)
    swap_ranges(&heap->ranges[at], &heap->ranges[(at - 1) / 2]);
}

static struct range pop_range(struct heap *heap) {
  struct range lowest = heap->ranges[0];
  heap->ranges[0] = heap->ranges[--heap->count];
  for (size_t at = 0, child; (child = 2 * at + 1) < heap->count; at = child) {
    if (child + 1 < heap->count && heap->ranges[child + 1].start < heap->ranges[child].start) child++;
    if (heap->ranges[at].start <= heap->ranges[child].start) break;
    swap_ranges(&heap->ranges[at], &heap->ranges[child]);
  }
  return lowest;
}

struct log {
  int fd;
  _Atomic uint64_t tail;
  pthread_mutex_t mutex;
  /* The same one, unless tuned. */
  pthread_cond_t conditions[2], *written, *flushed;
  int awaiting;
  bool tuned;
  uint64_t committed, durable;
  struct heap pending;
  bool flushing;
};

static void open_log(struct log *log, const char *folder, const char *name, bool tuned) {
  memset(log, 0, sizeof *log);
  log->fd = make_file(folder, name);
  pthread_mutex_init(&log->mutex, NULL);
  for (int n = 0; n < 2; n++) pthread_cond_init(&log->conditions[n], NULL);
  log->tuned = tuned;
  log->written = &log->conditions[0];
  log->flushed = &log->conditions[tuned ? 1 : 0];
}

static void close_log(struct log *log) {
  close(log->fd);
  free(log->pending.ranges);
}

static void note_written(struct log *log, struct range range) {
  pthread_mutex_lock(&log->mutex);
  if (range.start != log->committed) push_range(&log->pending, range);
  else {
    log->committed = range.end;
    while (log->pending.count > 0 && log->pending.ranges[0].start == log->committed)
      log->committed = pop_range(&log->pending).end;
  }
  bool awaited = !log->tuned || log->awaiting > 0;
  pthread_mutex_unlock(&log->mutex);
  if (awaited) pthread_cond_broadcast(log->written);
}

/* Where the frame ends. */
static uint64_t append(struct log *log, uint8_t *buffer, const uint8_t *payload, uint32_t length) {
  uint64_t count = HEADER + length;
  uint64_t start = atomic_fetch_add_explicit(&log->tail, count, memory_order_relaxed);
  put_frame(buffer, payload, length);
  write_all(log->fd, buffer, count, (off_t)start);
  note_written(log, (struct range){start, start + count});
  return start + count;
}

static void sync_to(struct log *log, uint64_t target) {
  pthread_mutex_lock(&log->mutex);
  while (log->durable < target) {
    if (log->flushing) {
      pthread_cond_wait(log->flushed, &log->mutex);
      continue;
    }
    if (log->committed < target) {
      log->awaiting++;
      pthread_cond_wait(log->written, &log->mutex);
      log->awaiting--;
      continue;
    }
    uint64_t to = log->committed;
    log->flushing = true;
    pthread_mutex_unlock(&log->mutex);
    flush(log->fd);
    pthread_mutex_lock(&log->mutex);
    log->flushing = false;
    if (to > log->durable) log->durable = to;
    pthread_cond_broadcast(log->flushed);
  }
  pthread_mutex_unlock(&log->mutex);
}

/* ---- What is measured ---- */

static const char *folder;
static uint8_t payload[PAYLOAD];
static volatile uint8_t sink;

static void *room(size_t bytes) {
  void *found = malloc(bytes);
  if (found == NULL) fail("malloc");
  memset(found, 0, bytes);
  return found;
}

static double memory_append(void) {
  enum { SLOTS = 4096 };
  uint8_t *log = room((size_t)SLOTS * FRAME), frame[FRAME];
  double begin = now();
  for (int n = 0; n < MEMORY_APPENDS; n++) {
    put_frame(frame, payload, PAYLOAD);
    memcpy(log + (size_t)(n % SLOTS) * FRAME, frame, FRAME);
    /* Each is seen: none may be left out because the next writes over it. */
    __asm__ volatile("" : : "r"(log) : "memory");
  }
  double seconds = now() - begin;
  sink = log[FRAME];
  free(log);
  return seconds / MEMORY_APPENDS * 1e9;
}

/* In memory that is kept, and touched for the first time: what a log in memory has to do. */
static double memory_kept_append(void) {
  size_t size = (size_t)APPENDS * FRAME;
  uint8_t *log = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (log == MAP_FAILED) fail("mmap");
  double begin = now();
  for (size_t n = 0; n < APPENDS; n++) put_frame(log + n * FRAME, payload, PAYLOAD);
  double seconds = now() - begin;
  sink = log[size - 1];
  munmap(log, size);
  return seconds / APPENDS * 1e9;
}

static double file_append(void) {
  struct log log;
  uint8_t frame[FRAME];
  open_log(&log, folder, "file.wal", false);
  double begin = now();
  for (int n = 0; n < APPENDS; n++) append(&log, frame, payload, PAYLOAD);
  double seconds = now() - begin;
  close_log(&log);
  return seconds / APPENDS * 1e9;
}

/* Preallocated, mapped, and touched for the first time while it is appended to. */
static double mapped_append(void) {
  size_t size = (size_t)APPENDS * FRAME;
  int fd = make_file(folder, "mapped.wal");
#if defined(__linux__)
  if (posix_fallocate(fd, 0, (off_t)size) != 0) fail("posix_fallocate");
#else
  if (ftruncate(fd, (off_t)size) != 0) fail("ftruncate");
#endif
  uint8_t *log = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (log == MAP_FAILED) fail("mmap");
  double begin = now();
  for (size_t n = 0; n < APPENDS; n++) put_frame(log + n * FRAME, payload, PAYLOAD);
  double seconds = now() - begin;
  sink = log[size - 1];
  munmap(log, size);
  close(fd);
  return seconds / APPENDS * 1e9;
}

static double big_append(void) {
  struct log log;
  uint8_t *big = room(MIB), *frame = room(MIB + HEADER);
  memset(big, 7, MIB);
  open_log(&log, folder, "big.wal", false);
  double begin = now();
  for (int n = 0; n < BIG_RECORDS; n++) append(&log, frame, big, MIB);
  double seconds = now() - begin;
  close_log(&log);
  free(big), free(frame);
  return BIG_RECORDS / 1024.0 / seconds;
}

static double commit_blocking(void) {
  enum { COMMITS = 300 };
  struct log log;
  uint8_t frame[FRAME];
  open_log(&log, folder, "commit.wal", false);
  double begin = now();
  for (int n = 0; n < COMMITS; n++) sync_to(&log, append(&log, frame, payload, PAYLOAD));
  double seconds = now() - begin;
  close_log(&log);
  return COMMITS / seconds;
}

static void fill_group(uint8_t *group) {
  for (int n = 0; n < GROUP; n++) put_frame(group + (size_t)n * FRAME, payload, PAYLOAD);
}

/* Framed into one buffer, one write for 1000, and where asked one flush. */
static double by_groups(int groups, bool commits) {
  uint8_t *group = room((size_t)GROUP * FRAME);
  int fd = make_file(folder, "groups.wal");
  double begin = now();
  for (int n = 0; n < groups; n++) {
    fill_group(group);
    write_all(fd, group, (size_t)GROUP * FRAME, (off_t)n * GROUP * FRAME);
    if (commits) flush(fd);
  }
  double seconds = now() - begin;
  close(fd);
  free(group);
  return groups * GROUP / seconds;
}

static double commit_groups(void) { return by_groups(GROUPS, true); }
static double append_groups(void) { return by_groups(APPENDS / GROUP, false); }

static int count_intact(const uint8_t *buffer, size_t have, size_t *used) {
  int count = 0;
  size_t at = 0;
  while (at + HEADER <= have) {
    uint32_t crc, length;
    memcpy(&crc, buffer + at, 4);
    memcpy(&length, buffer + at + 4, 4);
    if (at + HEADER + length > have) break;
    if (crc32c(buffer + at + 4, length + 4) != crc) fail("a checksum does not match");
    count++;
    at += HEADER + length;
  }
  *used = at;
  return count;
}

static void fill_replayed(int fd) {
  uint8_t *group = room((size_t)GROUP * FRAME);
  fill_group(group);
  for (int n = 0; n < REPLAYED / GROUP; n++)
    write_all(fd, group, (size_t)GROUP * FRAME, (off_t)n * GROUP * FRAME);
  free(group);
}

/* In chunks of 1 MiB, each record verified. */
static double replay(void) {
  uint8_t *buffer = room(MIB);
  int fd = make_file(folder, "replay.wal"), count = 0;
  fill_replayed(fd);
  size_t have = 0, used;
  off_t base = 0;
  double begin = now();
  for (;;) {
    ssize_t got = pread(fd, buffer + have, MIB - have, base + (off_t)have);
    if (got < 0) fail("pread");
    if (got == 0) break;
    have += (size_t)got;
    count += count_intact(buffer, have, &used);
    memmove(buffer, buffer + used, have - used);
    have -= used, base += (off_t)used;
  }
  double seconds = now() - begin;
  if (count != REPLAYED) fail("a record is missing");
  close(fd);
  free(buffer);
  return REPLAYED / seconds;
}

struct part {
  struct log *log;
  int records;
  bool commits;
};

static void *run_part(void *given) {
  struct part *part = given;
  uint8_t frame[FRAME];
  for (int n = 0; n < part->records; n++) {
    uint64_t end = append(part->log, frame, payload, PAYLOAD);
    if (part->commits) sync_to(part->log, end);
  }
  return NULL;
}

/* What the case by threads that is being measured asks for. */
static struct {
  int threads, records;
  bool commits, tuned;
} crew;

static double by_threads(void) {
  struct log log;
  pthread_t started[MOST_THREADS];
  open_log(&log, folder, "threads.wal", crew.tuned);
  struct part part = {&log, crew.records / crew.threads, crew.commits};
  double begin = now();
  for (int n = 0; n < crew.threads; n++)
    if (pthread_create(&started[n], NULL, run_part, &part) != 0) fail("pthread_create");
  for (int n = 0; n < crew.threads; n++) pthread_join(started[n], NULL);
  double seconds = now() - begin;
  close_log(&log);
  return part.records * crew.threads / seconds;
}

/* ---- Cases by name ---- */

static void say(const char *figure, double (*measure)(void)) {
  double a = measure(), b = measure(), c = measure();
  double least = a < b ? a : b, most = a < b ? b : a;
  printf(",\"%s\":%.6g", figure, c < least ? least : c > most ? most : c);
}

static void say_by_threads(const char *what, int threads, int records, bool commits, bool tuned) {
  char figure[64];
  snprintf(figure, sizeof figure, "%s_%dthreads%s_per_s", what, threads, tuned ? "_tuned" : "");
  crew.threads = threads, crew.records = records;
  crew.commits = commits, crew.tuned = tuned;
  say(figure, by_threads);
}

/* append-threads-N, commit-threads-N, commit-tuned-N */
static bool run_by_threads(const char *name) {
  int threads;
  const char *digits = strrchr(name, '-');
  if (digits == NULL || sscanf(digits + 1, "%d", &threads) != 1) return false;
  if (threads < 1 || threads > MOST_THREADS) return false;
  int commits = (threads <= 8 ? 200 : 100) * threads;
  if (strncmp(name, "append-threads-", 15) == 0)
    say_by_threads("file_append", threads, THREAD_APPENDS, false, false);
  else if (strncmp(name, "commit-threads-", 15) == 0)
    say_by_threads("commit", threads, commits, true, false);
  else if (strncmp(name, "commit-tuned-", 13) == 0)
    say_by_threads("commit", threads, commits, true, true);
  else return false;
  return true;
}

static const struct {
  const char *name, *figure;
  double (*measure)(void);
} cases[] = {
    {"mem", "mem_append_ns", memory_append},
    {"mem-kept", "mem_kept_append_ns", memory_kept_append},
    {"file", "file_append_ns", file_append},
    {"mapped", "mapped_append_ns", mapped_append},
    {"big", "big_append_gib_s", big_append},
    {"commit", "commit_1_per_s", commit_blocking},
    {"commit-groups", "commit_batch1000_per_s", commit_groups},
    {"append-groups", "append_batch1000_per_s", append_groups},
    {"replay", "replay_per_s", replay},
};

static bool run_case(const char *name) {
  for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
    if (strcmp(name, cases[n].name) != 0) continue;
    say(cases[n].figure, cases[n].measure);
    return true;
  }
  return run_by_threads(name);
}

int main(int count, char **words) {
  if (count < 3) {
    fprintf(stderr, "floor FOLDER case ...\n");
    return 64;
  }
  folder = words[1];
  make_tables();
  by_instruction = has_instruction();
  memset(payload, 7, sizeof payload);
  printf("{\"checksum\":\"%s\"", by_instruction ? INSTRUCTION : "tables");
  for (int n = 2; n < count; n++) {
    if (run_case(words[n])) continue;
    fprintf(stderr, "no case %s\n", words[n]);
    return 64;
  }
  printf("}\n");
  return 0;
}
