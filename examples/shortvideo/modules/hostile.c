/* What an operator with other plans might send in place of the ranker. Each is built from this file with one of the
 * TRY_ names; the demo and the tests show what becomes of it. */
#include "holdfast.h"

#if defined(TRY_SOCKET)
/* A call that no sealed module may import: refused at admission, by name. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("sock_send"))) int32_t send_out(
    int32_t fd, int32_t data, int32_t count, int32_t flags, int32_t sent);
#endif

#if defined(TRY_RECURSION)
__attribute__((noinline)) static int deeper(volatile int* above) {
  volatile int here[64] = {*above};
  return *above < 0 ? 0 : deeper(here) + here[0];
}
#endif

/* Every text that the trustee handed over, whatever it is called. */
static uint32_t all_texts(const hf_frame* frame, hf_string* out, uint32_t max) {
  uint32_t count = 0;
  const hf_table* tables = (const hf_table*)hf_at(frame, frame->tables_offset);
  for (uint32_t t = 0; t < frame->tables; ++t) {
    const hf_column* columns = (const hf_column*)hf_at(frame, tables[t].columns_offset);
    for (uint32_t c = 0; c < tables[t].columns; ++c) {
      for (uint32_t row = 0; columns[c].type == HF_TEXT && row < tables[t].rows && count < max; ++row) {
        out[count++] = hf_text(frame, &columns[c], row);
      }
    }
  }
  return count;
}

int main(void) {
  static hf_string texts[20];
  void* memory = NULL;
  size_t room = 0;
  const hf_frame* frame = hf_next_frame(&memory, &room);
  if (!frame) return 1;
  uint32_t count = all_texts(frame, texts, 20);

  (void)count;
#if defined(TRY_EMAIL)
  /* The e-mail address, in place of a video. */
  const hf_table* profile = hf_find_table(frame, "profile");
  const hf_column* email = profile ? hf_find_column(frame, profile, "email") : NULL;
  if (email && profile->rows > 0) texts[0] = hf_text(frame, email, 0), count = 1;
  return !hf_answer_texts("feed", "video", texts, count);
#elif defined(TRY_BEHIND)
  /* A harmless answer, and behind it what it was told. */
  hf_answer_texts("feed", "video", texts, 0);
  for (uint32_t i = 0; i < count; ++i) hf_write_all(texts[i].data, texts[i].size);
  return 0;
#elif defined(TRY_SOCKET)
  return send_out(4, (int32_t)(uintptr_t)texts, (int32_t)count, 0, 0);
#elif defined(TRY_DESCRIPTORS)
  /* Whatever else is open: the ring, a socket of the server, a file. */
  static char found[32];
  int open = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    open += write(fd, texts[0].data, texts[0].size) >= 0;
    open += read(fd, found, sizeof found) >= 0;
  }
  return open;
#elif defined(TRY_MEMORY)
  for (size_t size = 1 << 20;;) {
    char* more = malloc(size);
    if (more) memset(more, 1, size);
  }
#elif defined(TRY_SPIN)
  for (volatile uint32_t i = 0;;) ++i;
#elif defined(TRY_RECURSION)
  volatile int first = (int)count;
  return deeper(&first);
#elif defined(TRY_FLOOD)
  for (;;) (void)!write(HF_OUTPUT, memory, room);
#elif defined(TRY_TRAP)
  __builtin_trap();
#else
#error "built with one of the TRY_ names"
#endif
}
