// holdfast_sealed: what it costs to run code in a sealed module. Prints one JSON object.
//
//   holdfast_sealed --kernel kernel.wasm --trainer trainer.wasm --native shortvideo_trainer --views 2000000 --core 1
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <stdexcept>

#include "base/clock.h"
#include "base/hash.h"
#include "bench/sealed_kernel.h"
#include "disclosure/value.h"
#include "sealed/formats/records.h"
#include "sealed/pool.h"
#include "sealed/worker_process.h"
#include "views.h"

namespace {

using namespace holdfast;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string kernel, trainer, native;
  std::size_t views = 2'000'000;
  int core = 1;
  unsigned rounds = 5;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}
void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().text());
}

double since_us(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

sealed::PoolOptions options_of(const Options& options) {
  sealed::PoolOptions out;
  out.program = must(sealed::find_worker_program());
  out.cores = {options.core};
  return out;
}

sealed::Answer run(sealed::Pool& pool, const Hash& module, Bytes input, std::uint32_t output_max) {
  sealed::Request request;
  request.input = std::move(input);
  request.run_max = std::chrono::minutes(10);
  request.time_ns = static_cast<std::uint64_t>(SystemClock().now()) * 1'000'000;
  request.output_bytes_max = output_max;
  std::promise<Result<sealed::Answer>> promise;
  pool.submit(module, std::move(request), [&](Result<sealed::Answer> answer) { promise.set_value(std::move(answer)); });
  auto answer = must(promise.get_future().get());
  if (!answer.good()) throw std::runtime_error("the module " + answer.text());
  return answer;
}

Bytes count_of(std::uint32_t times) { return {reinterpret_cast<const char*>(&times), sizeof times}; }

/// µs of one ranking, here and in the module: what many take over what none take.
boost::json::object kernel(const Options& options) {
  constexpr std::uint32_t kTimes = 20'000;
  const std::string module = content(options.kernel);
  sealed::Pool pool(options_of(options));
  must(pool.add(sha256(module), module));
  static bench::Ranking ranking;
  boost::json::array native, sealed_us;
  std::uint32_t expected = 0;
  for (unsigned round = 0; round < options.rounds; ++round) {
    static bench::Ranking fresh;
    fresh = ranking;
    const auto start = Clock::now();
    expected = fresh.rank_many(kTimes);
    native.emplace_back(since_us(start) / kTimes);
    const auto none = run(pool, sha256(module), count_of(0), 64).took;
    const auto many = run(pool, sha256(module), count_of(kTimes), 64);
    std::uint32_t got = 0;
    std::memcpy(&got, many.output.data(), std::min(sizeof got, many.output.size()));
    if (got != expected) throw std::runtime_error("module and native code disagree");
    sealed_us.emplace_back(static_cast<double>((many.took - none).count()) / kTimes);
  }
  return {{"native_us", native}, {"sealed_us", sealed_us}};
}

/// µs of processor and wall time that a run costs beside its module's work; and of a fork for comparison.
boost::json::object overhead(const Options& options) {
  constexpr int kRuns = 4000, kForks = 200;
  const std::string module = content(options.kernel);
  auto pool_options = options_of(options);
  pool_options.collect_every = std::chrono::microseconds(500);  // as the server has it
  sealed::Pool pool(std::move(pool_options));
  must(pool.add(sha256(module), module));
  boost::json::array batch_us, alone_us, fork_us;
  for (unsigned round = 0; round < options.rounds; ++round) {
    std::atomic<int> left{kRuns}, failed{0};
    std::promise<void> all;
    const auto start = Clock::now();
    for (int sent = 0; sent < kRuns; sent += 500) {
      std::vector<sealed::Pool::Job> jobs;
      for (int i = 0; i < 500; ++i) {
        sealed::Request request;
        request.input = count_of(0);
        request.run_max = std::chrono::seconds(10);
        request.output_bytes_max = 64;
        jobs.push_back({std::move(request), [&](Result<sealed::Answer> answer) {
                          if (!answer || !answer->good()) ++failed;
                          if (--left == 0) all.set_value();
                        }});
      }
      pool.submit(sha256(module), std::move(jobs));
      while (left > kRuns - sent - 300) ::usleep(500);  // the queue is bounded
    }
    all.get_future().wait();
    if (failed != 0) throw std::runtime_error("runs failed");
    batch_us.emplace_back(since_us(start) / kRuns);

    const auto lone = Clock::now();
    for (int i = 0; i < 500; ++i) run(pool, sha256(module), count_of(0), 64);
    alone_us.emplace_back(since_us(lone) / 500);

    const auto forks = Clock::now();
    for (int i = 0; i < kForks; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) ::_exit(0);
      ::waitpid(pid, nullptr, 0);
    }
    fork_us.emplace_back(since_us(forks) / kForks);
  }
  return {{"run_us", batch_us}, {"alone_us", alone_us}, {"fork_us", fork_us}};
}

/// All views of the example, by person, as the trustee would hand them to the trainer.
Bytes frames_of(std::size_t views) {
  using agreement::FieldType;
  shortvideo::Settings settings;
  settings.views = views;
  std::vector<std::vector<shortvideo::View>> of_person(settings.people);
  for (const auto& view : shortvideo::generate_views(settings)) of_person[view.person].push_back(view);
  auto writer = must(sealed::FrameWriter::create(
      {{"views", {{"video", FieldType::text}, {"watched", FieldType::duration}, {"at", FieldType::time}}},
       {"profile", {{"language", FieldType::text}}}}));
  Bytes out, frame;
  for (std::size_t person = 0; person < of_person.size(); ++person) {
    writer.begin_subject();
    for (const auto& view : of_person[person]) {
      const Bytes video = must(disclosure::value_from_text(FieldType::text, "v" + std::to_string(view.video)));
      const Bytes watched =
          must(disclosure::value_from_text(FieldType::duration, std::to_string(view.watched_ms) + "ms"));
      const Bytes at = must(disclosure::value_from_text(FieldType::time, to_rfc3339(view.at_ms)));
      must(writer.add(0, std::vector<ByteView>{video, watched, at}));
    }
    if (person % 256 != 255 && person + 1 != of_person.size()) continue;
    must(writer.finish(frame));
    out += frame;
  }
  return out;
}

double train_here(const Options& options, const std::string& input, const std::string& output) {
  const auto start = Clock::now();
  const std::string command = options.native + " < " + input + " > " + output;
  if (std::system(command.c_str()) != 0) throw std::runtime_error(options.native + " failed");
  return since_us(start) / 1e6;
}

boost::json::object training(const Options& options) {
  const Bytes input = frames_of(options.views);
  const std::string folder = std::filesystem::temp_directory_path() / ("holdfast_sealed." + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/in", std::ios::binary) << input;
  auto pool_options = options_of(options);
  pool_options.shape = {1, static_cast<std::uint32_t>(input.size()), 64u << 20, 4096};
  pool_options.worker.memory_bytes_max = 512u << 20;
  pool_options.worker.process_bytes_max = 1024u << 20;
  const std::string module = content(options.trainer);
  sealed::Pool pool(std::move(pool_options));
  must(pool.add(sha256(module), module));
  boost::json::array native, sealed_s;
  for (unsigned round = 0; round < std::min(options.rounds, 3u); ++round) {
    native.emplace_back(train_here(options, folder + "/in", folder + "/out"));
    const auto answer = run(pool, sha256(module), input, 64u << 20);
    sealed_s.emplace_back(static_cast<double>(answer.took.count()) / 1e6);
  }
  std::filesystem::remove_all(folder);
  return {{"views", options.views}, {"input_bytes", input.size()}, {"native_s", native}, {"sealed_s", sealed_s}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What it costs to run code in a sealed module; prints JSON");
  Options options;
  app.add_option("--kernel", options.kernel, "kernel.wasm of bench/sealed_kernel.cc")->required();
  app.add_option("--trainer", options.trainer, "trainer.wasm of the example; without it no training");
  app.add_option("--native", options.native, "the same trainer as a program of this machine");
  app.add_option("--views", options.views, "how many to train on");
  app.add_option("--core", options.core, "the worker's; this program's own is the caller's to choose");
  app.add_option("--rounds", options.rounds, "how often");
  CLI11_PARSE(app, argc, argv);
  try {
    boost::json::object out{{"kernel", kernel(options)}, {"overhead", overhead(options)}};
    if (!options.trainer.empty()) out["training"] = training(options);
    std::cout << boost::json::serialize(out) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "holdfast_sealed: " << error.what() << '\n';
    return 1;
  }
}
