// One decision in memory, as the trustee takes it before it reads anything: which party, which flow, which subject,
// what have the limits left.
#include <benchmark/benchmark.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "ledger/ledger.h"

namespace holdfast::ledger {
namespace {

using namespace evidence;

constexpr UnixMillis kDay = 86'400'000;
constexpr std::uint32_t kSeen = 90'000, kToday = 4'500;  // of 100,000 in twelve months and 5,000 a day

Pseudonym subject(std::uint32_t number) {
  return *Pseudonym::from(sha256("subject " + std::to_string(number)).view().substr(0, Pseudonym::kSize));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// The short-video example's agreement, with as many flows as asked for, and a year's releases behind it.
struct Year {
  explicit Year(std::int64_t flows) {
    std::ifstream in(HOLDFAST_SOURCE_DIR "/examples/shortvideo/agreement.yaml.in");
    std::stringstream read;
    read << in.rdbuf();
    std::string text = replaced(read.str(), "log: \"@log.vkey@\"", "");
    AgreementAdopted adopted{{}, "us-users", 1, {}};
    std::vector<SigningKey> keys;
    for (const char* name : {"bytedance", "oracle", "treasury"}) {
      keys.push_back(*SigningKey::from_seed(name, std::string(32, name[0])));
      adopted.signed_by.push_back(keys.back().verifier().text());
      text = replaced(text, std::string("@") + name + ".vkey@", keys.back().verifier().text());
    }
    std::string more;
    for (std::int64_t i = 4; i < flows; ++i) {
      more +=
          "  flow-" + std::to_string(i) + ": {to: app-us, use: essential.service, gives: {profile: {zip: clear}}}\n";
    }
    text = replaced(text, "prohibitions:\n", more + "prohibitions:\n");
    Note note = *Note::create(text);
    for (const SigningKey& key : keys) note.sign(key);
    adopted.document = sha256(text);
    documents[adopted.document] = note.encode();
    apply({now, 1, "oracle", adopted});
    const auto gives = ledger.plan()->flows[*ledger.plan()->find_flow("support")].gives_json;
    for (std::uint32_t i = 0; i < kSeen; ++i) {
      const bool today = i >= kSeen - kToday;
      now = today ? start + 360 * kDay : start + static_cast<UnixMillis>(i) * (359 * kDay / kSeen);
      const Entry entry{now, 1, "bytedance",
                        Released{"support", "bytedance", subject(i), gives, 1, sha256("payload"), 64}};
      apply(entry);
    }
  }
  void apply(const Entry& entry) {
    HF_ASSERT(ledger.admit(entry).has_value());
    ledger.apply(applied++, entry);
  }

  const UnixMillis start = 1'790'000'000'000 / kDay * kDay;
  UnixMillis now = start;
  std::uint64_t applied = 0;
  std::map<Hash, std::string> documents;
  Ledger ledger{
      DocumentReader([this](DocumentKind, const Hash& hash) -> Result<std::string> { return documents.at(hash); })};
};

/// Half of those asked for were seen before.
void decision(benchmark::State& state) {
  const Year year(state.range(0));
  std::mt19937 random(1);
  std::vector<Pseudonym> asked(1u << 16);
  for (Pseudonym& each : asked) each = subject(static_cast<std::uint32_t>(random() % (2 * kSeen)));
  const std::string party = "bytedance", flow = "support";
  std::size_t next = 0;
  benchmark::IterationCount allowed = 0;
  for (auto _ : state) {
    const agreement::Plan& plan = *year.ledger.plan();
    const auto who = plan.find_party(party);
    const auto index = plan.find_flow(flow);
    if (!who || !index || plan.flows[*index].to != *who) continue;
    allowed += year.ledger.may_release(*index, asked[next++ & (asked.size() - 1)], 1, year.now).has_value();
  }
  if (allowed != state.iterations()) state.SkipWithError("something agreed was refused");
}
BENCHMARK(decision)->ArgName("flows")->Arg(4)->Arg(1000);

}  // namespace
}  // namespace holdfast::ledger
