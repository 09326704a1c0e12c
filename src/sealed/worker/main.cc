// holdfast-sealed-worker: runs one sealed module in a jail. Started by the trustee only, with a ring on descriptor 3
// and a control pipe on 4; src/sealed/README.md tells the order of its start.
#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "sealed/ring/futex.h"
#include "sealed/worker/engine.h"
#include "sealed/worker/jail.h"
#include "sealed/worker/served_ring.h"
#ifdef HOLDFAST_HOSTILE
#include "sealed/worker/hostile.h"
#endif

namespace {

using namespace holdfast::sealed;
using namespace holdfast::sealed::worker;

constexpr std::uint64_t kStackBytesBeside = 512u << 10;  // what the engine itself uses
constexpr std::chrono::seconds kIdle{1};

/// The engine's thread and the first one, which becomes the watch.
struct Process {
  ServedRing ring;
  Watch watch;
  std::unique_ptr<Engine> engine;
  std::string problem;
  std::atomic<std::uint32_t> engine_up{0}, jailed{0};
};

bool read_whole(void* to, std::size_t bytes) {
  auto* at = static_cast<std::uint8_t*>(to);
  while (bytes != 0) {
    const ssize_t got = ::read(ring::kControlFd, at, bytes);
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

void serve(Process& process, std::span<const std::uint8_t> context) {
  ServedRing& served = process.ring;
  for (;;) {
    if (!served.wait(kIdle)) {
      process.engine->collect_if_worth();
      continue;
    }
#ifdef HOLDFAST_HOSTILE
    if (act_hostile(served)) continue;
#endif
    const ring::RequestHead& request = served.request();
    Run run;
    run.input = served.input();
    run.context = context;
    run.output = served.output();
    run.log = served.log();
    run.time_ns = request.time_ns;
    run.seed = request.seed;
    const std::uint64_t before_us = Watch::now_us();
    const Verdict verdict = process.engine->run(run, request.run_us_max);
    ring::ResponseHead response{};
    response.sequence = request.sequence;
    response.ending = static_cast<std::uint32_t>(verdict.ending);
    response.trap = static_cast<std::uint32_t>(verdict.trap);
    response.exit_code = run.exit_code;
    response.output_bytes = static_cast<std::uint32_t>(run.written);
    response.log_bytes = static_cast<std::uint32_t>(run.logged);
    response.log_cut = run.log_cut ? 1 : 0;
    response.run_us = static_cast<std::uint32_t>(Watch::now_us() - before_us);
    served.answer(response);
    if (!served.has_next()) process.engine->collect_if_worth();
  }
}

void* run_engine(void* argument) {
  Process& process = *static_cast<Process*>(argument);
  process.engine = Engine::start(process.ring.header().stack_bytes_max, process.watch, process.problem);
  process.engine_up = 1;
  ring::futex_wake(process.engine_up);
  while (process.jailed == 0) ring::futex_wait(process.jailed, 0, kIdle);

  // Here is where hostile bytes begin.
  ring::ModuleHead head{};
  if (!read_whole(&head, sizeof head)) ::_exit(0);
  std::vector<std::uint8_t> module(head.module_bytes), context(head.context_bytes);
  if (!read_whole(module.data(), module.size()) || !read_whole(context.data(), context.size())) ::_exit(0);
  if (!process.engine->compile(module, process.ring.header().memory_bytes_max, process.problem)) {
    process.ring.report_problem(process.problem);
    ::_exit(0);
  }
  process.ring.report(ring::Stage::ready, process.ring.header().layers);
  serve(process, context);
  return nullptr;
}

bool start_engine_thread(Process& process) {
  pthread_attr_t how;
  ::pthread_attr_init(&how);
  ::pthread_attr_setstacksize(&how, process.ring.header().stack_bytes_max + kStackBytesBeside);
  ::pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const bool made = ::pthread_create(&thread, &how, run_engine, &process) == 0;
  ::pthread_attr_destroy(&how);
  return made;
}

}  // namespace

int main() {
  Jail jail;
  jail.close_descriptors();
  static Process process;
  process.ring = ServedRing::map(ring::kRingFd);
  jail.enter_namespaces();
  jail.settle(process.ring.header());
  if (!start_engine_thread(process)) return 2;
  while (process.engine_up == 0) ring::futex_wait(process.engine_up, 0, kIdle);
  if (!process.engine) {
    process.ring.report_problem(process.problem);
    return 0;
  }
  jail.close_for_good();
  process.ring.report(ring::Stage::jailed, jail.layers());
  process.jailed = 1;
  ring::futex_wake(process.jailed);
  process.watch.watch([] { process.engine->interrupt(); });
}
