#include "agreement/agreement.h"
#include "analysis/answer.h"
#include "base/result.h"

namespace {

using namespace holdfast;
using namespace holdfast::analysis;

/// Small, with each sort of thing that a question can be about.
constexpr std::string_view kDocument =
    "holdfast: 1\nagreement: fuzz\nversion: 1\nsubjects: {country: US, served-by: [shop]}\nparties:\n"
    "  maker: {role: operator, country: CN, key: maker+ac162852+AbKvlXaoR6r/PRT/9Vntrvs7m8zbDBVJfwudzTvY02sP}\n"
    "  keeper: {role: trustee, country: US, key: keeper+2360a64e+Af2SwdDaqxGaA0JziE6S1iY7o5wN+AXPjyqjBkOeW/Kd}\n"
    "  shop: {role: recipient, country: US, shares-with: [fund]}\n"
    "  fund: {role: recipient, country: KY, owners: [{country: CN, share: 60 %}]}\n"
    "collections:\n  profile:\n    from: [keeper]\n    keep: 5y\n    fields:\n"
    "      email: {type: text, category: user.contact.email}\n      born: {type: date, category: "
    "user.demographic.date_of_birth}\nflows:\n"
    "  care: {to: maker, use: essential.service, gives: {profile: {email: token, born: year}}, limit: 5 subjects per "
    "day}\n"
    "  desk: {to: shop, use: essential.service, gives: {profile: {email: clear}}}\n"
    "prohibitions:\n  - {never: user.name, to: {country: CN}}\n"
    "changes:\n  agreement: {signed-by: [operator, trustee]}\n";

const Reach& reach() {
  static const Reach made = [] {
    const auto plan = agreement::compile(kDocument);
    HF_ASSERT(plan.has_value());
    return analyse(*plan);
  }();
  return made;
}

}  // namespace

/// Any bytes: a question or an error that says what can be asked; a question has an answer or names what is unknown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto question = parse_question(text);
  const auto answer = ask(reach(), text);
  if (!question) {
    HF_ASSERT(!answer && question.error().slug == "analysis.question.malformed");
    return 0;
  }
  if (answer) {
    HF_ASSERT(!answer->sentence.empty() && !answer_json(text, *answer).empty());
  } else {
    HF_ASSERT(answer.error().slug.ends_with(".unknown") && !answer.error().what.empty());
  }
  return 0;
}
