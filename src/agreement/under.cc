// `under`: the rule packs that an agreement adopts, by name, version and hash.
#include <fmt/format.h>

#include <algorithm>

#include "agreement/terms.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kPacksMax = 8;
constexpr std::size_t kPackFindingsShown = 3;

std::optional<Hash> hash_of(std::string_view text) {
  const auto raw = from_hex(text);
  const auto hash = raw ? Hash::from(*raw) : std::nullopt;
  return hash && to_hex(hash->view()) == text ? hash : std::nullopt;
}

/// The bytes of `reference`, held against its hash. Nothing after a finding: a pack that is passed over would open
/// what it closes.
std::optional<std::string> fetch(const PackReference& reference, Position at, Draft& draft) {
  const std::string shown = fmt::format("{}@{}", reference.name, reference.version);
  auto bytes = draft.read_pack
                   ? draft.read_pack(reference)
                   : Result<std::string>(fail(Code::not_found, "rules.missing", "", "no packs are at hand"));
  if (!bytes) {
    draft.findings.add("agreement.under.unavailable", at,
                       fmt::format("the rule pack {} cannot be had: {}", shown, bytes.error().what));
    return std::nullopt;
  }
  const Hash found = sha256(*bytes);
  if (!reference.hash) {
    draft.findings.add("agreement.under.unpinned", at,
                       fmt::format("the rule pack {} must be adopted by its hash too, so that who signs the agreement "
                                   "signs the rules: {{rules: {}, sha256: {}}}",
                                   shown, shown, to_hex(found.view())));
    return std::nullopt;
  }
  if (found != *reference.hash) {
    draft.findings.add("agreement.under.hash", at,
                       fmt::format("the rule pack {} that is at hand has the SHA-256 {}, and the agreement adopts {}; "
                                   "it is another text",
                                   shown, to_hex(found.view()), to_hex(reference.hash->view())));
    return std::nullopt;
  }
  return *std::move(bytes);
}

void adopt(const PackReference& reference, std::vector<PartyIndex> named, const Node& node, Draft& draft) {
  const auto repeated = [&](const AdoptedRules& other) { return other.pack.name == reference.name; };
  if (std::ranges::any_of(draft.adopted, repeated)) {
    draft.findings.add("agreement.under.repeated", node.at,
                       fmt::format("the rule pack {} is adopted already; one version of it can hold", reference.name));
    return;
  }
  const auto bytes = fetch(reference, node.at, draft);
  if (!bytes) return;
  CheckedPack checked = check_rule_pack(*bytes);
  if (!checked.pack) {
    std::string what;
    for (std::size_t i = 0; i < checked.findings.size() && i < kPackFindingsShown; ++i) {
      what += "; " + checked.findings[i].text();
    }
    draft.findings.add("agreement.under.pack", node.at,
                       fmt::format("the rule pack {}@{} cannot be read{}", reference.name, reference.version, what));
    return;
  }
  const RulePack& pack = *checked.pack;
  if (pack.name != reference.name || pack.version != reference.version) {
    draft.findings.add(
        "agreement.under.pack", node.at,
        fmt::format("the rule pack calls itself {}, not {}@{}", pack.reference(), reference.name, reference.version));
    return;
  }
  if (!pack.subjects_country.empty() && pack.subjects_country != draft.plan.subjects_country) {
    draft.findings.add("agreement.under.subjects", node.at,
                       fmt::format("{} is about subjects in {}, and this agreement is about subjects in {}",
                                   pack.reference(), pack.subjects_country, draft.plan.subjects_country));
    return;
  }
  if (pack.names_parties() == named.empty()) {
    draft.findings.add(
        "agreement.under.named", node.at,
        pack.names_parties()
            ? fmt::format("{} protects the data from parties that the agreement names: for: [party, …]",
                          pack.reference())
            : fmt::format("{} says itself from whom it protects the data; leave 'for' out", pack.reference()));
    return;
  }
  draft.plan.packs.push_back({pack.name, pack.version, *reference.hash, pack.title, named, node.at.line});
  std::ranges::sort(draft.plan.packs.back().named);
  draft.adopted.push_back({*std::move(checked.pack), std::move(named), node.at});
}

/// `{rules: us-28cfr202@1, sha256: …}`, or the name alone, which is not enough.
std::optional<PackReference> reference_of(const Node& node, Findings& findings) {
  constexpr std::string_view expected = "a rule pack as {rules: us-28cfr202@1, sha256: …}";
  const Node* name = &node;
  const Node* hash = nullptr;
  if (node.kind == Node::Kind::map) {
    const Terms terms(node, "an adopted rule pack", {"rules", "sha256", "for"}, findings);
    name = terms.required("rules", "the pack's name and version, such as us-28cfr202@1");
    hash = terms.optional("sha256");
    if (!name) return std::nullopt;
  }
  const std::string* text = text_of(*name, expected, findings);
  const auto parsed = text ? parse_pack_reference(*text) : std::nullopt;
  if (!parsed) {
    if (text)
      add_expected("agreement.under.malformed", *name, "a pack's name and version, such as us-28cfr202@1", findings);
    return std::nullopt;
  }
  PackReference out{parsed->first, parsed->second, {}};
  if (!hash) return out;
  const std::string* hex = text_of(*hash, "64 lower-case hex digits", findings);
  out.hash = hex ? hash_of(*hex) : std::nullopt;
  if (out.hash) return out;
  if (hex) add_expected("agreement.under.malformed", *hash, "the pack's SHA-256 in 64 lower-case hex digits", findings);
  return std::nullopt;
}

}  // namespace

void read_under(const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::list) {
    draft.findings.add("agreement.term.type", node.at,
                       "expected a list of rule packs, each {rules: us-28cfr202@1, sha256: …}");
    return;
  }
  if (node.items.size() > kPacksMax) {
    draft.findings.add("agreement.term.many", node.at,
                       fmt::format("{} rule packs; at most {} may be adopted", node.items.size(), kPacksMax));
    return;
  }
  for (const Node& item : node.items) {
    const auto reference = reference_of(item, draft.findings);
    std::vector<PartyIndex> named;
    if (const auto* member = item.find("for")) {
      each_text(member->value, "parties", true, draft.findings, [&](const Node& party) {
        if (const auto index = resolve_party(party, draft)) named.push_back(*index);
      });
      if (named.empty()) continue;
    }
    if (reference) adopt(*reference, std::move(named), item, draft);
  }
}

std::vector<PackReference> packs_of(std::string_view document) {
  Findings ignored;
  std::vector<PackReference> out;
  const auto root = read_yaml(document, ignored);
  const auto* under = root ? root->find("under") : nullptr;
  if (!under) return out;
  for (const Node& item : under->value.items) {
    if (auto reference = reference_of(item, ignored)) out.push_back(*std::move(reference));
  }
  return out;
}

}  // namespace holdfast::agreement
