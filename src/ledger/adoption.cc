#include <algorithm>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "ledger/state.h"

namespace holdfast::ledger {
namespace {

/// Every key that the entry lists has signed the note; those whose signatures count are listed, and nobody else.
Result<void> check_listed(const std::vector<std::string>& signed_by, const agreement::Plan& in_force,
                          const Note& note) {
  std::vector<VerifierKey> listed;
  for (const std::string& text : signed_by) {
    auto key = VerifierKey::parse(text);
    if (!key || std::find(listed.begin(), listed.end(), *key) != listed.end()) {
      return fail(Code::refused, "agreement.signers.wrong", "",
                  "the entry's list of signers holds something that is no verifier key, or one twice");
    }
    listed.push_back(*std::move(key));
  }
  HF_TRY(const std::vector<std::size_t> standing, note.verify(listed));
  if (standing.size() != listed.size()) {
    return fail(Code::refused, "agreement.signers.wrong", "",
                "the entry lists a signer whose signature does not stand under the document");
  }
  HF_TRY(const std::vector<agreement::PartyIndex> counted, agreement::signers(in_force, note));
  for (const agreement::PartyIndex party : counted) {
    if (std::find(listed.begin(), listed.end(), *in_force.parties[party].key) == listed.end()) {
      return fail(Code::refused, "agreement.signers.wrong", in_force.parties[party].name,
                  "this party signed the document, and the entry does not list it");
    }
  }
  if (listed.size() == counted.size()) return {};
  return fail(Code::refused, "agreement.signers.wrong", "",
              "the entry lists a signer who is no party of the agreement in force, whatever name the key bears");
}

/// Does the quorum of `first` stand with the signers among `trusted` alone?
Result<void> check_trusted(const std::vector<VerifierKey>& trusted, const agreement::Plan& first, const Note& note) {
  HF_TRY(std::vector<agreement::PartyIndex> counted, agreement::signers(first, note));
  std::erase_if(counted, [&](agreement::PartyIndex party) {
    return first.parties[party].role == agreement::Role::recipient ||
           std::find(trusted.begin(), trusted.end(), *first.parties[party].key) == trusted.end();
  });
  const agreement::Quorum& quorum = first.change_agreement;
  const auto missing = std::find_if(quorum.all.begin(), quorum.all.end(), [&](agreement::PartyIndex party) {
    return std::find(counted.begin(), counted.end(), party) == counted.end();
  });
  if (missing == quorum.all.end() && counted.size() >= quorum.any) return {};
  return fail(Code::refused, "agreement.key.untrusted", missing == quorum.all.end() ? "" : first.parties[*missing].name,
              "the first agreement is not signed with the parties' keys that were given to the checker; compare the "
              "keys with the parties");
}

}  // namespace

Result<Document> read_document(const DocumentReader& documents, const Hash& hash) {
  const std::string where = document_path(DocumentKind::agreement, hash);
  auto bytes = documents(DocumentKind::agreement, hash);
  if (!bytes && bytes.error().code == Code::not_found) {
    return fail(Code::not_found, "agreement.document.missing", where,
                "the log has no document for an agreement that it says was adopted");
  }
  HF_CHECK(bytes);
  HF_TRY(Note note, Note::parse(*bytes));
  if (sha256(note.text) != hash) {
    return fail(Code::corrupt, "agreement.document.forged", where,
                "the document is not the one that was adopted: its hash is another");
  }
  // The packs that it adopts lie beside it, by the hash that it gives. One that cannot be had now is no finding.
  std::optional<Error> outage;
  const agreement::PackReader packs = [&](const agreement::PackReference& pack) -> Result<std::string> {
    if (!pack.hash) return fail(Code::not_found, "rules.missing", "", "it is adopted without a hash");
    auto found = documents(DocumentKind::agreement, *pack.hash);
    if (!found && found.error().code == Code::unavailable) outage = found.error();
    return found;
  };
  auto plan = agreement::compile(note.text, packs);
  if (outage) return tl::unexpected<Error>(*outage);
  HF_CHECK(plan);
  return Document{std::move(note), *std::move(plan)};
}

Result<agreement::PlanPtr> Ledger::State::judge(const evidence::AgreementAdopted& adopted) {
  if (judged && judged->document == adopted.document && judged->version == adopted.version &&
      judged->signed_by == adopted.signed_by) {
    return judged->plan;
  }
  const auto decide = [&]() -> Result<agreement::PlanPtr> {
    HF_TRY(Document document, read_document(documents, adopted.document));
    const agreement::Plan& proposed = *document.plan;
    if (proposed.agreement != adopted.name || proposed.version != adopted.version) {
      return fail(Code::refused, "agreement.document.other", shown(adopted.name),
                  "the entry's name and version are not those in the document");
    }
    if (plan && (proposed.agreement != plan->agreement || proposed.version != plan->version + 1)) {
      return fail(
          Code::refused, "agreement.version.stale", shown(adopted.name),
          "the next agreement must be version " + std::to_string(plan->version + 1) + " of '" + plan->agreement + "'");
    }
    const agreement::Plan& in_force = plan ? *plan : proposed;
    HF_CHECK(agreement::check_quorum(in_force, proposed, document.note));
    HF_CHECK(check_listed(adopted.signed_by, in_force, document.note));
    if (!plan && !first_keys.empty()) HF_CHECK(check_trusted(first_keys, proposed, document.note));
    return std::move(document.plan);
  };
  auto next = decide();
  if (next) judged = Judged{adopted.document, adopted.signed_by, adopted.version, *next};
  return next;
}

const Spending* Ledger::State::predecessor(const agreement::Limit& limit) const {
  if (!plan) return nullptr;
  const auto& limits = plan->limits;
  auto found = std::ranges::find(limits, limit.name, &agreement::Limit::name);
  if (found == limits.end() && limit.of_rule) {
    found = std::ranges::find_if(limits, [&](const agreement::Limit& before) {
      return before.of_rule && before.of_rule->key == limit.of_rule->key &&
             before.of_rule->recipients == limit.of_rule->recipients;
    });
  }
  return found == limits.end() ? nullptr : &spendings[static_cast<std::size_t>(found - limits.begin())];
}

void Ledger::State::put_in_force(agreement::PlanPtr next, UnixMillis at) {
  std::vector<Spending> kept;
  kept.reserve(next->limits.size());
  for (const agreement::Limit& limit : next->limits) {
    kept.emplace_back(limit);
    const Spending* before = predecessor(limit);
    if (!before) continue;
    kept.back() = *before;
    kept.back().follow(limit, at);
  }
  tally_of_flow.assign(next->flows.size(), kNoTally);
  spendings = std::move(kept);
  const agreement::PlanPtr before = std::exchange(plan, std::move(next));
  if (before) drop_products(*before);
  judged.reset();
}

}  // namespace holdfast::ledger
