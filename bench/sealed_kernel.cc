// The sealed module of bench/sealed.cc: reads how many rankings, makes them, and puts out what came of them.
#include "bench/sealed_kernel.h"

#include "holdfast.hpp"

int main() {
  std::uint32_t times = 0, out = 1;
  if (!holdfast::guest::read_context(&times, sizeof times)) return 1;
  if (times > 0) {  // making up the items is the module's own work: a run of none does not pay for it
    static holdfast::bench::Ranking ranking;
    out = ranking.rank_many(times);
  }
  return hf_write_all(&out, sizeof out) ? 0 : 1;
}
