// Bulk thresholds: what a release costs once ten million subjects have been seen, and what each takes in memory.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "ledger/spending.h"

namespace holdfast::ledger {
namespace {

constexpr std::uint32_t kSubjects = 10'000'000;
constexpr UnixMillis kDay = 86'400'000;
constexpr UnixMillis kStart = 1'790'000'000'000;

Pseudonym subject(std::uint64_t number) {
  Pseudonym out;
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t mixed = (number * 2 + half + 1) * 0x9e3779b97f4a7c15u;  // splitmix64
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    std::copy_n(reinterpret_cast<const unsigned char*>(&mixed), 8, out.bytes.data() + half * 8);
  }
  return out;
}

/// Ten million subjects, released over a year.
struct Seen {
  explicit Seen(std::int64_t rules) {
    limit.amount = kSubjects;
    limit.window = agreement::Limit::Window::month;
    limit.windows = 12;
    limit.rolling = true;
    for (std::int64_t i = 0; i < rules; ++i) spendings.emplace_back(limit);
    for (std::uint32_t i = 0; i < kSubjects; ++i) {
      const Pseudonym who = subject(i);
      now = kStart + static_cast<UnixMillis>(i) * (364 * kDay / kSubjects);
      const std::uint32_t number = numbers.add(who);
      for (Spending& spending : spendings) spending.spend(limit, {who, {&number, 1}}, 1, now);
    }
  }
  agreement::Limit limit;
  Numbers numbers;
  std::vector<Spending> spendings;
  UnixMillis now = kStart;
};

/// What a rule takes however few it counts: one subject, with the page of its second open.
double bytes_of_one(agreement::Limit limit) {
  limit.amount = 1;
  Spending spending(limit);
  const std::uint32_t number = 0;
  spending.spend(limit, {subject(0), {&number, 1}}, 1, kStart);
  benchmark::DoNotOptimize(spending.renews_at(limit, kStart));
  return static_cast<double>(spending.rolling()->size_bytes());
}

/// The whole check of a release, admitted and counted: a random subject, at a rate that lets all ten million be
/// released once more within the next year, so that days pass and pages with them.
void release(benchmark::State& state) {
  Seen seen(state.range(0));
  std::mt19937_64 random(1);
  std::vector<Pseudonym> asked(1u << 20);
  for (Pseudonym& each : asked) each = subject(random() % (kSubjects + kSubjects / 100));
  std::size_t next = 0;
  std::uint64_t released = 0;
  for (auto _ : state) {
    const Pseudonym& who = asked[next++ % asked.size()];
    seen.now += 365 * kDay / kSubjects;
    std::uint32_t number = seen.numbers.find(who);
    bool room = true;
    for (const Spending& spending : seen.spendings) spending.rolling()->expect(number);
    for (const Spending& spending : seen.spendings)
      room = room && spending.has_room(seen.limit, {who, {&number, 1}}, 1, seen.now);
    if (room) {
      if (number == Numbers::kNone) number = seen.numbers.add(who);
      for (Spending& spending : seen.spendings) spending.spend(seen.limit, {who, {&number, 1}}, 1, seen.now);
      ++released;
    } else {
      for (Spending& spending : seen.spendings) spending.advance(seen.now);
    }
  }
  benchmark::DoNotOptimize(released);
  const double subjects = seen.numbers.size();
  const double of_one = bytes_of_one(seen.limit);
  state.counters["bytes_per_subject_and_rule"] =
      (static_cast<double>(seen.spendings.front().rolling()->size_bytes()) - of_one) / (subjects - 1);
  state.counters["bytes_per_rule"] = of_one;
  state.counters["bytes_per_subject_shared"] = static_cast<double>(seen.numbers.size_bytes()) / subjects;
}
BENCHMARK(release)->ArgName("rules")->Arg(1)->Arg(4);

/// A release refused because the threshold is reached, with the time at which it eases.
void refusal(benchmark::State& state) {
  Seen seen(1);
  std::uint64_t stranger = kSubjects;
  for (auto _ : state) {
    const Pseudonym who = subject(stranger++);
    const std::uint32_t number = seen.numbers.find(who);
    benchmark::DoNotOptimize(seen.spendings[0].has_room(seen.limit, {who, {&number, 1}}, 1, seen.now));
    benchmark::DoNotOptimize(seen.spendings[0].renews_at(seen.limit, seen.now));
  }
}
BENCHMARK(refusal);

}  // namespace
}  // namespace holdfast::ledger
