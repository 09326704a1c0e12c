#include "agreement/agreement.h"
#include "agreement/rule_pack.h"
#include "base/hash.h"

namespace {

using namespace holdfast;
using namespace holdfast::agreement;

/// An agreement that adopts `pack`, with a flow to a party in China.
std::string adopting(const RulePack& pack, const Hash& hash) {
  return "holdfast: 1\nagreement: fuzz\nversion: 1\nsubjects: {country: US}\nparties:\n"
         "  maker: {role: operator, country: CN, key: maker+ac162852+AbKvlXaoR6r/PRT/9Vntrvs7m8zbDBVJfwudzTvY02sP}\n"
         "  keeper: {role: trustee, country: US, key: keeper+2360a64e+Af2SwdDaqxGaA0JziE6S1iY7o5wN+AXPjyqjBkOeW/Kd}\n"
         "collections:\n  profile:\n    from: [keeper]\n    keep: 5y\n    fields:\n"
         "      email: {type: text, category: user.contact.email}\n      ill: {type: text, category: "
         "user.health_and_medical}\nflows:\n  care: {to: maker, use: essential.service, gives: {profile: {email: "
         "clear, "
         "ill: token}}}\nunder: [{rules: " +
         pack.reference() + ", sha256: " + to_hex(hash.view()) + (pack.names_parties() ? ", for: maker" : "") +
         "}]\nchanges:\n  agreement: {signed-by: [operator, trustee]}\n";
}

}  // namespace

/// Any bytes: a pack or findings, never both; and a pack can be held against an agreement, which comes to a plan or to
/// findings.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const CheckedPack checked = check_rule_pack(bytes);
  HF_ASSERT(checked.pack.has_value() == checked.findings.empty());
  HF_ASSERT(checked.findings.size() <= kFindingsMax + 1);
  if (!checked.pack) return 0;
  const auto read = [&](const PackReference&) -> Result<std::string> { return bytes; };
  const Checked held = check(adopting(*checked.pack, sha256(bytes)), read);
  HF_ASSERT((held.plan == nullptr) == !held.findings.empty());
  if (held.plan) HF_ASSERT(held.rules.size() == checked.pack->rules.size());
  return 0;
}
