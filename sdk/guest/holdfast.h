/* Reading records, and writing an answer, in a sealed module; C99 with the compiler's usual extensions, header-only.
 * The layout and what a module may do: docs/sealed-modules.md. What the trustee sends is well-formed, so only the
 * frame's mark and length are looked at here. Memory that is asked for is not given back: a module runs once. */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a column holds: how hf_number, hf_text and hf_item answer for it. */
enum {
  HF_TEXT = 't', HF_INTEGER = 'i', HF_DECIMAL = 'd', HF_BOOLEAN = 'b', HF_DATE = 'D', HF_TIME = 'T',
  HF_DURATION = 'u', HF_BYTES = 'x', HF_TEXT_LIST = 'l'
};
enum { HF_INPUT = 0, HF_OUTPUT = 1, HF_LOG = 2 };  /* file descriptors, all that there are */

typedef struct { char magic[8]; uint64_t size; uint32_t subjects, tables; uint64_t tables_offset; } hf_frame;
typedef struct { uint64_t name_offset; uint32_t name_size, rows, columns, zero; uint64_t columns_offset, starts_offset; } hf_table;
typedef struct {
  uint64_t name_offset; uint32_t name_size, type;
  uint64_t present_offset, values_offset, items_offset, data_offset; uint32_t items, data_size;
} hf_column;
typedef struct { const char* data; uint32_t size; } hf_string;

static inline const void* hf_at(const hf_frame* f, uint64_t offset) { return (const char*)f + (size_t)offset; }

#ifdef __wasm__
/* wasi-libc's stdio wants these, and a sealed module may not import them: answered here, so that printf to stderr works.
 * Weak, so that every file of a module may include this. */
#ifdef __cplusplus
extern "C" {
#endif
#define HF_WASI(name) __attribute__((weak)) int32_t __imported_wasi_snapshot_preview1_##name
HF_WASI(fd_close)(int32_t fd) { return fd > HF_LOG ? 8 : 0; } /* EBADF */
HF_WASI(fd_seek)(int32_t fd, int64_t by, int32_t whence, int32_t to) { return (void)fd, (void)by, (void)whence, (void)to, 70; } /* ESPIPE */
HF_WASI(fd_fdstat_get)(int32_t fd, int32_t stat) { /* a stream that may be read and written */
  memset((void*)(uintptr_t)(uint32_t)stat, 0, 24);
  *(uint8_t*)(uintptr_t)(uint32_t)stat = 6;
  *(uint64_t*)(uintptr_t)(uint32_t)(stat + 8) = (1u << 1) | (1u << 6);
  return fd > HF_LOG ? 8 : 0;
}
#ifdef __cplusplus
}
#endif
#endif

/* Reads `size` bytes; 1, or 0 when fewer came. */
static inline int hf_read_all(int fd, void* to, size_t size) {
  for (size_t got = 0; got < size;) {
    ssize_t n = read(fd, (char*)to + got, size - got);
    if (n <= 0) return 0;
    got += (size_t)n;
  }
  return 1;
}
/* Writes to the output; 0 when the trustee took no more. */
static inline int hf_write_all(const void* from, size_t size) {
  for (size_t put = 0; put < size;) {
    ssize_t n = write(HF_OUTPUT, (const char*)from + put, size - put);
    if (n <= 0) return 0;
    put += (size_t)n;
  }
  return 1;
}
/* The next frame of the input into *memory (grown as needed, *room bytes; begin with NULL and 0); NULL at the end.
 * Without memory for it the run traps: half an input must not pass for the whole. */
static inline const hf_frame* hf_next_frame(void** memory, size_t* room) {
  hf_frame head;
  if (!hf_read_all(HF_INPUT, &head, sizeof head) || memcmp(head.magic, "HFREC001", 8) != 0) return NULL;
  if (head.size > *room) {
    void* grown = realloc(*memory, (size_t)head.size);
    if (!grown) abort();
    *memory = grown;
    *room = (size_t)head.size;
  }
  memcpy(*memory, &head, sizeof head);
  return hf_read_all(HF_INPUT, (char*)*memory + sizeof head, (size_t)head.size - sizeof head) ? (hf_frame*)*memory : NULL;
}

/* By name; NULL when there is none. */
static inline const hf_table* hf_find_table(const hf_frame* f, const char* name) {
  const hf_table* t = (const hf_table*)hf_at(f, f->tables_offset);
  for (uint32_t i = 0; i < f->tables; ++i) {
    if (t[i].name_size == strlen(name) && memcmp(hf_at(f, t[i].name_offset), name, t[i].name_size) == 0) return &t[i];
  }
  return NULL;
}
static inline const hf_column* hf_find_column(const hf_frame* f, const hf_table* t, const char* name) {
  const hf_column* c = (const hf_column*)hf_at(f, t->columns_offset);
  for (uint32_t i = 0; i < t->columns; ++i) {
    if (c[i].name_size == strlen(name) && memcmp(hf_at(f, c[i].name_offset), name, c[i].name_size) == 0) return &c[i];
  }
  return NULL;
}
/* The first row of subject `s`, counted from 0; that of s + 1 is behind its last. */
static inline uint32_t hf_first_row(const hf_frame* f, const hf_table* t, uint32_t s) {
  return ((const uint32_t*)hf_at(f, t->starts_offset))[s];
}
static inline int hf_present(const hf_frame* f, const hf_column* c, uint32_t row) {
  return !c->present_offset || (((const uint64_t*)hf_at(f, c->present_offset))[row / 64] >> (row % 64) & 1);
}
/* integer; time and duration in ms; date in days since 1970; boolean; a decimal's digits (hf_scale of them behind the point) */
static inline int64_t hf_number(const hf_frame* f, const hf_column* c, uint32_t row) {
  const void* values = hf_at(f, c->values_offset);
  if (c->type == HF_BOOLEAN) return ((const uint8_t*)values)[row];
  return c->type == HF_DATE ? ((const int32_t*)values)[row] : ((const int64_t*)values)[row];
}
static inline int hf_scale(const hf_frame* f, const hf_column* c, uint32_t row) {
  return ((const uint8_t*)hf_at(f, c->items_offset))[row];
}
/* text and bytes; not ended by a zero */
static inline hf_string hf_text(const hf_frame* f, const hf_column* c, uint32_t row) {
  const uint32_t* starts = (const uint32_t*)hf_at(f, c->values_offset);
  hf_string out = {(const char*)hf_at(f, c->data_offset) + starts[row], starts[row + 1] - starts[row]};
  return out;
}
/* list of text */
static inline uint32_t hf_items(const hf_frame* f, const hf_column* c, uint32_t row) {
  const uint32_t* starts = (const uint32_t*)hf_at(f, c->values_offset);
  return starts[row + 1] - starts[row];
}
static inline hf_string hf_item(const hf_frame* f, const hf_column* c, uint32_t row, uint32_t index) {
  const uint32_t* item = (const uint32_t*)hf_at(f, c->items_offset) + ((const uint32_t*)hf_at(f, c->values_offset))[row] + index;
  hf_string out = {(const char*)hf_at(f, c->data_offset) + item[0], item[1] - item[0]};
  return out;
}

/* Answers with one table of one column of texts, which is what most rankers need; `holdfast.hpp` writes any. 0: failed. */
static inline int hf_answer_texts(const char* table, const char* column, const hf_string* rows, uint32_t count) {
  uint64_t used[6] = {strlen(table), 8, sizeof(hf_column), strlen(column), 4 * ((uint64_t)count + 1), 0};
  uint64_t at[7] = {sizeof(hf_frame) + sizeof(hf_table)};
  for (uint32_t i = 0; i < count; ++i) used[5] += rows[i].size;
  for (int i = 0; i < 6; ++i) at[i + 1] = (at[i] + used[i] + 7) / 8 * 8;
  char* out = (char*)calloc(1, (size_t)at[6]);
  if (!out || used[5] > UINT32_MAX) {
    free(out);
    return 0;
  }
  hf_frame head = {{'H', 'F', 'R', 'E', 'C', '0', '0', '1'}, at[6], 1, 1, sizeof(hf_frame)};
  hf_table t = {at[0], (uint32_t)used[0], count, 1, 0, at[2], at[1]};
  hf_column c = {at[3], (uint32_t)used[3], HF_TEXT, 0, at[4], at[5], at[5], 0, (uint32_t)used[5]};
  memcpy(out, &head, sizeof head);
  memcpy(out + sizeof head, &t, sizeof t);
  memcpy(out + at[0], table, (size_t)used[0]);
  ((uint32_t*)(void*)(out + at[1]))[1] = count;
  memcpy(out + at[2], &c, sizeof c);
  memcpy(out + at[3], column, (size_t)used[3]);
  uint32_t* starts = (uint32_t*)(void*)(out + at[4]);
  for (uint32_t i = 0; i < count; ++i) {
    memcpy(out + at[5] + starts[i], rows[i].data, rows[i].size);
    starts[i + 1] = starts[i] + rows[i].size;
  }
  int sent = hf_write_all(out, (size_t)at[6]);
  free(out);
  return sent;
}

#endif
