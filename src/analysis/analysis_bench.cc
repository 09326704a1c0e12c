// The analysis of a large agreement: 1,000 flows of ten fields each, thirty parties that operate, own and share.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agreement/agreement.h"
#include "analysis/lint.h"
#include "analysis/reach.h"

namespace holdfast::analysis {
namespace {

constexpr int kFlows = 1000, kFields = 10, kParties = 30, kCollections = 50;

std::string document() {
  std::string out =
      "holdfast: 1\nagreement: large\nversion: 1\nsubjects: {country: US}\nparties:\n"
      "  maker: {role: operator, country: CN, key: maker+ac162852+AbKvlXaoR6r/PRT/9Vntrvs7m8zbDBVJfwudzTvY02sP}\n"
      "  keeper: {role: trustee, country: US, key: keeper+2360a64e+Af2SwdDaqxGaA0JziE6S1iY7o5wN+AXPjyqjBkOeW/Kd}\n";
  for (int i = 0; i < kParties; ++i) {
    out += fmt::format("  p{}: {{role: recipient, country: {}, shares-with: [p{}]", i, i % 7 == 0 ? "HK" : "US",
                       (i + 1) % kParties);
    if (i % 3 == 0) out += ", owners: [{country: CN, share: 30 %}, {country: RU, share: 12.5 %}]";
    out += i % 5 == 1 ? ", operated-by: keeper}\n" : "}\n";
  }
  constexpr const char* kCategories[] = {"user.contact.email",
                                         "user.contact.address.postal_code",
                                         "user.demographic.date_of_birth",
                                         "user.demographic.gender",
                                         "user.location.precise",
                                         "user.behavior",
                                         "user.account",
                                         "user.financial",
                                         "user.content",
                                         "user.unique_id"};
  constexpr const char* kForms[] = {"clear", "token", "first 3"};
  out += "collections:\n";
  for (int c = 0; c < kCollections; ++c) {
    out += fmt::format("  c{}:\n    from: [keeper]\n    keep: 1y\n    fields:\n", c);
    for (int f = 0; f < kFields; ++f)
      out += fmt::format("      f{}: {{type: text, category: {}}}\n", f, kCategories[f]);
  }
  out += "flows:\n";
  for (int i = 0; i < kFlows; ++i) {
    out +=
        fmt::format("  flow{}: {{to: p{}, use: essential.service, gives: {{c{}: {{", i, i % kParties, i % kCollections);
    for (int f = 0; f < kFields; ++f) out += fmt::format("{}f{}: {}", f ? ", " : "", f, kForms[(i + f) % 3]);
    out += "}}}\n";
  }
  return out +
         "prohibitions:\n  - {never: user.name, to: {country: CN}}\nchanges:\n  agreement: {signed-by: [operator, "
         "trustee]}\n";
}

/// Everything that can reach anyone, with what comes together at one party and what is idle.
void analysis(benchmark::State& state) {
  const auto plan = agreement::compile(document());
  if (!plan) return state.SkipWithError(plan.error().what.c_str());
  for (auto _ : state) {
    const Reach reach = analyse(*plan);
    benchmark::DoNotOptimize(lint(reach).size());
    benchmark::DoNotOptimize(reach.cells.size());
  }
}
BENCHMARK(analysis)->Unit(benchmark::kMillisecond);

void reading(benchmark::State& state) {
  const std::string bytes = document();
  for (auto _ : state) benchmark::DoNotOptimize(agreement::check(bytes).plan);
}
BENCHMARK(reading)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast::analysis
