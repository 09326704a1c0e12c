// A module for tests: does what its input says, one letter and what follows it.
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char input[1 << 16];
static int runs;  // 1 in every run, or something of another run is left

static int recurse(int depth);
static int (*volatile self)(int) = recurse;  // no compiler makes a loop of that, and no frame lies in memory
static int recurse(int depth) { return self(depth + 1) ^ depth; }

static void put(const void* bytes, size_t size) { write(1, bytes, size); }

int main(void) {
  size_t size = 0;
  for (ssize_t got; size < sizeof input && (got = read(0, input + size, sizeof input - size)) > 0;) size += (size_t)got;
  ++runs;
  volatile int depth = 0;
  switch (size ? input[0] : 0) {
    case 'e': put(input + 1, size - 1); return 0;                     // echo, the context too
    case 'x': return input[1];                                        // exit code
    case 'u': __builtin_trap();
    case 'b': *(volatile char*)(uintptr_t)0xfffffff0u = 1; return 0;  // out of bounds
    case 'd': return 7 / depth;                // division by zero
    case 'i': ((void (*)(int, int, int))(uintptr_t)7777)(1, 2, 3); return 0;
    case 'l': for (;;) depth = depth + 1;
    case 'r': return recurse(0);
    case 'f': for (;;) put(input, sizeof input);                      // output flood
    case 's': for (int i = 0; i < 100000; ++i) write(2, "noise ", 6); return 0;
    case 'm': {                                                       // memory.grow for ever: how many pages came
      uint32_t pages = 0;
      while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) ++pages;
      put(&pages, sizeof pages);
      return 0;
    }
    case 'n': {                                                       // runs, time, random bytes twice
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC, &now);
      const int64_t ns = now.tv_sec * 1000000000ll + now.tv_nsec;
      char random[64];
      getentropy(random, 32);
      getentropy(random + 32, 32);
      put(&runs, sizeof runs);
      put(&ns, sizeof ns);
      put(random, sizeof random);
      return 0;
    }
    case 'w': memset(input, 'S', sizeof input); return 0;             // leave a secret behind
    case 'z': {                                                       // is all memory beyond the first pages zero?
      const size_t old = __builtin_wasm_memory_grow(0, 64) << 16;
      unsigned sum = 0;
      for (size_t i = 0; i < (64u << 16); ++i) sum |= ((unsigned char*)old)[i];
      put(&sum, sizeof sum);
      return 0;
    }
    case 'k': {                                                       // how many bytes there are to read, and their sum
      uint64_t told[2] = {0, 0};
      for (ssize_t got = (ssize_t)size; got > 0; got = read(0, input, sizeof input)) {
        told[0] += (uint64_t)got;
        for (ssize_t i = 0; i < got; ++i) told[1] += (unsigned char)input[i];
      }
      put(told, sizeof told);
      return 0;
    }
    default: return 99;
  }
}
