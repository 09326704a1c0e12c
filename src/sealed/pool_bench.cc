// What a run costs beside the module's own work: ring, instance, copies. `probe.c` echoes a few bytes.
#include <benchmark/benchmark.h>

#include "sealed/pool_test.h"

namespace holdfast::sealed {
namespace {

using namespace testing;

PoolOptions warm_options() {
  auto out = options_of(HOLDFAST_SEALED_WORKER);
  out.shape.slots = 64;
  out.worker.spin_us = 50;
  out.cores = {1};  // alone on a core, its threads do not interrupt each other when they map memory
  return out;
}

/// One at a time: the wake-ups of both sides are in it.
void one_alone(benchmark::State& state) {
  Pool pool(warm_options());
  if (!pool.add(name_of('p'), bytes_of(HOLDFAST_PROBE_WASM))) return state.SkipWithError("no worker");
  for (auto _ : state) benchmark::DoNotOptimize(run(pool, name_of('p'), "e"));
}
BENCHMARK(one_alone)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// 64 with one wake-up: time per run.
void in_batches(benchmark::State& state) {
  constexpr int kBatch = 64;
  Pool pool(warm_options());
  if (!pool.add(name_of('p'), bytes_of(HOLDFAST_PROBE_WASM))) return state.SkipWithError("no worker");
  for (auto _ : state) {
    std::atomic<int> left{kBatch};
    std::promise<void> all;
    std::vector<Pool::Job> jobs;
    for (int i = 0; i < kBatch; ++i) {
      jobs.push_back({request_of("e"), [&](Result<Answer>) {
                        if (--left == 0) all.set_value();
                      }});
    }
    pool.submit(name_of('p'), std::move(jobs));
    all.get_future().wait();
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(in_batches)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace holdfast::sealed
