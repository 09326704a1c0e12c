#include "agreement/agreement.h"

#include <fmt/format.h>

#include "agreement/spelling.h"
#include "agreement/terms.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kTextsShown = 5;

void read_head(const Terms& terms, Draft& draft) {
  Findings& findings = draft.findings;
  if (const Node* language = terms.required("holdfast", "1, the version of this language")) {
    const std::string* text = text_of(*language, "1", findings);
    if (text && (*text != "1" || language->in_quotes)) {
      add_expected("agreement.language.unknown", *language, "1, the one version of this language", findings);
    }
  }
  if (const Node* name = terms.required("agreement", "the agreement's name")) {
    const std::string* text = text_of(*name, "a name", findings);
    if (text && !is_name(*text)) {
      add_expected("agreement.name.malformed", *name, "a name: a letter, then letters, digits, '-' or '_'", findings);
    }
    if (text) draft.plan.agreement = *text;
  }
  if (const Node* version = terms.required("version", "a whole number, one more with each change")) {
    const auto number = number_of(*version, "a whole number above 0", 1'000'000'000, findings);
    if (number) draft.plan.version = static_cast<std::uint32_t>(*number);
  }
}

void read_log(const Node& node, Draft& draft) {
  const std::string* text = text_of(node, "the log's verifier key: name+hash+base64", draft.findings);
  if (!text) return;
  auto key = VerifierKey::parse(*text);
  if (key)
    draft.plan.log = *std::move(key);
  else
    draft.findings.add("agreement.key.malformed", node.at, "not a verifier key: " + key.error().what);
}

void read_document(const Node& root, Draft& draft) {
  const Terms terms(root, "an agreement",
                    {"holdfast", "agreement", "version", "subjects", "log", "parties", "collections", "flows", "under",
                     "prohibitions", "categories", "uses", "changes"},
                    draft.findings);
  if (!terms.is_map()) return;
  read_head(terms, draft);
  read_taxonomies(root, draft);
  if (const Node* node = terms.required("parties", "who takes part")) read_parties(*node, draft);
  if (const Node* node = terms.required("subjects", "whose data this is about: {country: US}"))
    read_subjects(*node, draft);
  if (const Node* node = terms.optional("log")) read_log(*node, draft);
  if (const Node* node = terms.required("collections", "what is kept")) read_collections(*node, draft);
  if (const Node* node = terms.required("flows", "what may leave")) read_flows(*node, draft);
  if (const Node* node = terms.optional("under")) read_under(*node, draft);
  if (const Node* node = terms.optional("prohibitions")) read_prohibitions(*node, draft);
  if (const Node* node = terms.required("changes", "who signs a change: {agreement: {signed-by: …}}")) {
    read_changes(*node, draft);
  }
  apply_prohibitions(draft);
  apply_rules(draft);
}

}  // namespace

Checked check(std::string_view document, const PackReader& packs) {
  Draft draft;
  draft.read_pack = packs;
  if (const auto root = read_yaml(document, draft.findings)) read_document(*root, draft);
  draft.plan.hash = sha256(document);
  draft.plan.party_names = NameIndex::of(draft.plan.parties);
  draft.plan.collection_names = NameIndex::of(draft.plan.collections);
  draft.plan.flow_names = NameIndex::of(draft.plan.flows);
  std::vector<RuleStanding> rules = draft.plan.rules;
  if (draft.findings.empty()) {
    return {std::make_shared<const Plan>(std::move(draft.plan)), {}, nullptr, std::move(rules)};
  }
  const bool only_broken =
      draft.findings.only({"agreement.prohibition.broken", "agreement.rules.broken", "agreement.rules.devices"});
  return {nullptr, draft.findings.take(document),
          only_broken ? std::make_shared<const Plan>(std::move(draft.plan)) : nullptr, std::move(rules)};
}

Result<PlanPtr> compile(std::string_view document, const PackReader& packs) {
  Checked checked = check(document, packs);
  if (checked.plan) return checked.plan;
  const Finding& first = checked.findings.front();
  std::string what = first.message;
  for (std::size_t i = 1; i < checked.findings.size() && i < kTextsShown; ++i)
    what += "\n" + checked.findings[i].text();
  if (checked.findings.size() > kTextsShown)
    what += fmt::format("\nand {} more", checked.findings.size() - kTextsShown);
  return fail(Code::invalid, first.slug, fmt::format("{}:{}", first.line, first.column), std::move(what));
}

}  // namespace holdfast::agreement
