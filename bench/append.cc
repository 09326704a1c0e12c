// holdfast_append: appends entries of some 300 B to the real log over the real engine, with many waiting for each sync,
// and beside it, in turn, does nothing but the SHA-256 which every such log must do: leaf and interior hashes on one
// core. One line of JSON. Nothing of the server, the vault or the ledger is in it.
//
//   holdfast_append FOLDER --entries 400000 --rounds 5
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <stdexcept>

#include "base/hash.h"
#include "evidence/formats/tree.h"
#include "evidence/log.h"
#include "storage/rocksdb/store.h"

namespace holdfast::bench {
namespace {

using Steady = std::chrono::steady_clock;

struct Options {
  std::string folder;
  std::uint64_t entries = 400'000, rounds = 5, waiting = 32'768;
};

/// Lets everything in: deciding is not measured here.
class NoFollower final : public evidence::Follower {
 public:
  Result<void> admit(const evidence::Entry&) const override { return {}; }
  Result<void> follow(std::uint64_t, const evidence::Entry&) override { return {}; }
  Bytes snapshot() const override { return {}; }
  Result<void> restore(ByteView) override { return {}; }
};

evidence::Entry release(std::uint64_t number) {
  Bytes raw;
  put_varint(raw, number);
  const Hash digest = sha256(raw);
  evidence::Released event;
  event.flow = "support";
  event.to = "bytedance";
  event.subject = *Pseudonym::from(ByteView(digest.view()).substr(0, 16));
  event.gives = R"({"profile":{"birthdate":"year","email":"token","zip":"first 3"}})";
  event.digest = digest;
  event.size_bytes = 110;
  return {.at = 0, .agreement = 1, .party = "bytedance", .event = std::move(event)};
}

/// Appends entries as a busy core does: a chain of those that are ready, then those that came back once more. At most
/// `waiting` of them are before their sync at any time.
class Appending final : public evidence::Returns {
 public:
  Appending(evidence::Log& log, std::uint64_t waiting) : log_(log), slots_(waiting) {}

  /// Answers how many a second were durable.
  double run(std::uint64_t first, std::uint64_t count) {
    const auto start = Steady::now();
    evidence::Append* idle = nullptr;
    for (evidence::Append& slot : slots_) slot.next = std::exchange(idle, &slot);
    for (std::uint64_t sent = 0, ended = 0; ended < count;) {
      evidence::Append *chain = nullptr, **end = &chain;
      for (std::uint64_t ready = 0; idle && sent < count && ready < kChain; ++ready, ++sent) {
        evidence::Append* const slot = std::exchange(idle, idle->next);
        slot->entry = release(first + sent);
        *end = slot, end = &slot->next;
      }
      *end = nullptr;
      if (chain) log_.append(chain, *this);
      const bool nothing_to_do = !idle || sent == count;
      for (evidence::Append* slot = returned(nothing_to_do); slot; ++ended) {
        if (!slot->result) throw std::runtime_error("the log did not take an entry: " + slot->result.error().text());
        evidence::Append* const next = std::exchange(slot->next, idle);
        idle = std::exchange(slot, next);
      }
    }
    return static_cast<double>(count) / std::chrono::duration<double>(Steady::now() - start).count();
  }

  void take_back(evidence::Append* chain) override {
    evidence::Append* last = chain;
    while (last->next) last = last->next;
    {
      const std::lock_guard lock(mutex_);
      last->next = std::exchange(returned_, chain);
    }
    changed_.notify_one();
  }

 private:
  static constexpr std::uint64_t kChain = 256;

  evidence::Append* returned(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) changed_.wait(lock, [this] { return returned_; });
    return std::exchange(returned_, nullptr);
  }

  evidence::Log& log_;
  std::vector<evidence::Append> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  evidence::Append* returned_ = nullptr;
};

/// Leaf and interior hashes of as many entries, and nothing else.
double hash_rate(ByteView entry, std::uint64_t count) {
  const auto start = Steady::now();
  evidence::Frontier frontier;
  for (std::uint64_t i = 0; i < count; ++i) frontier.append(evidence::leaf_hash(entry));
  const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
  if (frontier.size() != count) throw std::runtime_error("the tree lost a leaf");
  return static_cast<double>(count) / seconds;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}

void measure(const Options& options) {
  const SystemClock clock;
  const auto store = value_of(storage::open_rocksdb(options.folder));
  NoFollower follower;
  const auto log =
      value_of(evidence::Log::open(*store, value_of(SigningKey::generate("bench.example/log")), clock, follower));
  evidence::Entry sample = release(1);
  sample.at = clock.now();
  const std::string encoded = sample.encode();
  Appending appending(*log, options.waiting);
  appending.run(0, options.entries / 10);  // the first round is no colder than the others
  boost::json::array appended, hashed, cpu_us;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const double before = cpu_seconds();
    appended.push_back(appending.run(log->size(), options.entries));
    cpu_us.push_back((cpu_seconds() - before) * 1e6 / static_cast<double>(options.entries));
    hashed.push_back(hash_rate(encoded, options.entries));
  }
  const boost::json::object out{{"entry_bytes", encoded.size()},
                                {"entries", log->size()},
                                {"appended", appended},
                                {"cpu_us", cpu_us},
                                {"hashed", hashed}};
  std::cout << boost::json::serialize(out) << '\n';
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App program("Appends entries to a log of its own, beside the SHA-256 that this needs");
  program.add_option("FOLDER", options.folder, "New; left behind with the log in it")->required();
  program.add_option("--entries", options.entries, "In each round")->capture_default_str();
  program.add_option("--rounds", options.rounds)->capture_default_str();
  program.add_option("--waiting", options.waiting, "Entries under way at most")
      ->check(CLI::Range(2, 60'000))
      ->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  std::filesystem::create_directories(options.folder);
  measure(options);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  try {
    return holdfast::bench::main_of(argc, argv);
  } catch (const std::exception& thrown) {
    std::cerr << "holdfast_append: " << thrown.what() << '\n';
    return 1;
  }
}
