// The life of a sealed module: submitted, shown, released, withdrawn.
#include <algorithm>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "ledger/state.h"

namespace holdfast::ledger {

using namespace evidence;

namespace {

/// Does any flow of `plan` run a module of this name?
Result<void> declared(const agreement::Plan& plan, std::string_view module) {
  const bool run = std::any_of(plan.flows.begin(), plan.flows.end(), [&](const agreement::Flow& flow) {
    return flow.kind == agreement::Flow::Kind::run && flow.module == module;
  });
  if (run) return {};
  return fail(Code::refused, "module.undeclared", shown(module),
              "no flow of the agreement in force runs a module of this name");
}

tl::unexpected<Error> unknown(std::string_view module) {
  return fail(Code::refused, "module.unknown", shown(module),
              "no module of this name and hash is submitted, or it was withdrawn");
}

/// Is `signed_statement` about what the entry says?
template <class Event>
Result<void> says(const SignedStatement& signed_statement, const Event& event) {
  const sealed::ModuleStatement& statement = signed_statement.statement;
  if (statement.name == event.module && statement.module == event.hash && statement.version == event.version) return {};
  return fail(Code::refused, "module.statement.other", shown(event.module),
              "the statement is about another module, hash or version than the entry");
}

/// The parties whose signature stands on the envelope, by the keys of `plan`; sorted.
Result<std::vector<agreement::PartyIndex>> signers(const agreement::Plan& plan, const sealed::Envelope& envelope) {
  std::vector<VerifierKey> keys;
  std::vector<agreement::PartyIndex> owners;
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    if (!plan.parties[i].key) continue;
    keys.push_back(*plan.parties[i].key);
    owners.push_back(static_cast<agreement::PartyIndex>(i));
  }
  HF_TRY(const std::vector<std::size_t> good, envelope.verify(keys));
  std::vector<agreement::PartyIndex> out;
  for (const std::size_t key : good) out.push_back(owners[key]);
  return out;
}

/// May `party` withdraw a module: one of those whose signature a release needs, or the trustee.
bool withdraws(const agreement::Plan& plan, agreement::PartyIndex party) {
  if (party == plan.trustee()) return true;
  if (!plan.change_module) return false;
  const agreement::Quorum& quorum = *plan.change_module;
  if (std::find(quorum.all.begin(), quorum.all.end(), party) != quorum.all.end()) return true;
  return quorum.any > 0 && plan.parties[party].key && plan.parties[party].role != agreement::Role::recipient;
}

}  // namespace

Result<SignedStatement> read_statement(const DocumentReader& documents, const Hash& hash) {
  const std::string where = document_path(DocumentKind::statement, hash);
  auto bytes = documents(DocumentKind::statement, hash);
  if (!bytes && bytes.error().code == Code::not_found) {
    return fail(Code::not_found, "module.statement.missing", where, "the log has no such statement of a module");
  }
  HF_CHECK(bytes);
  if (sha256(*bytes) != hash) {
    return fail(Code::corrupt, "module.statement.forged", where,
                "the statement is not the one that was recorded: its hash is another");
  }
  SignedStatement out;
  HF_TRY(out.envelope, sealed::Envelope::parse(*bytes));
  HF_TRY(out.statement, sealed::parse_statement(out.envelope.payload));
  out.said = sha256(out.envelope.payload);
  return out;
}

/// A statement that released a module once, or was withdrawn, does not do so again: its signatures are old.
Result<void> Ledger::State::unused(std::string_view module, std::uint32_t version) const {
  const auto found = module_releases.find(module);
  if (found == module_releases.end() || version > found->second.used) return {};
  return fail(Code::conflict, "module.version.stale", shown(module),
              "version " + std::to_string(found->second.used) +
                  " of this module was released or withdrawn; the next statement needs a higher number");
}

Result<void> Ledger::State::may_submit(std::string_view party, const ModuleSubmitted& event) const {
  const auto who = plan->find_party(party);
  if (!who || !plan->parties[*who].key) return wrong_party(party, "module.submitted");
  HF_CHECK(declared(*plan, event.module));
  const auto known = submitted.find(event.hash);
  if (known != submitted.end() && known->second.module != event.module) {
    return fail(Code::conflict, "module.name.other", shown(event.module),
                "this file is submitted as '" + known->second.module + "'; withdraw it there first");
  }
  HF_CHECK(unused(event.module, event.version));
  HF_TRY(const SignedStatement statement, read_statement(documents, event.statement));
  HF_CHECK(says(statement, event));
  if (known != submitted.end() && known->second.said == statement.said) {
    return fail(Code::conflict, "module.known", shown(event.module), "this module is submitted already");
  }
  HF_TRY(const auto signed_by, signers(*plan, statement.envelope));
  if (std::find(signed_by.begin(), signed_by.end(), *who) != signed_by.end()) return {};
  return fail(Code::refused, "module.unsigned", shown(party),
              "the statement does not bear the signature of the party that submits it");
}

Result<void> Ledger::State::may_be_shown(std::string_view party, const ModuleShown& event) const {
  if (!knows(party)) return wrong_party(party, "module.shown");
  return submitted.contains(event.hash) ? Result<void>() : unknown("");
}

Result<void> Ledger::State::may_release(std::string_view party, const ModuleReleased& event) const {
  if (!knows(party)) return wrong_party(party, "module.released");
  HF_CHECK(declared(*plan, event.module));
  const auto known = submitted.find(event.hash);
  if (known == submitted.end() || known->second.module != event.module || known->second.version != event.version) {
    return unknown(event.module);
  }
  HF_CHECK(unused(event.module, event.version));
  HF_TRY(const SignedStatement statement, read_statement(documents, event.statement));
  HF_CHECK(says(statement, event));
  if (statement.said != known->second.said) {
    return fail(Code::refused, "module.statement.other", shown(event.module),
                "the statement is not the one that was submitted and shown");
  }
  HF_TRY(const auto signed_by, signers(*plan, statement.envelope));
  HF_CHECK(agreement::check_module_quorum(*plan, signed_by));
  std::vector<std::string> keys;
  for (const agreement::PartyIndex signer : signed_by) keys.push_back(plan->parties[signer].key->text());
  if (keys != event.signed_by) {
    return fail(Code::refused, "module.signers.wrong", shown(event.module),
                "the entry's list of signers is not that of the signatures on the statement");
  }
  for (const agreement::PartyIndex seer : plan->module_seen_by) {
    const std::string& name = plan->parties[seer].name;
    const auto& shown_to = known->second.shown_to;
    if (!std::binary_search(shown_to.begin(), shown_to.end(), name)) {
      return fail(Code::refused, "module.unseen", name,
                  "the agreement wants this party to have been shown the module before it is released: "
                  "holdfast module show");
    }
  }
  return {};
}

Result<void> Ledger::State::may_withdraw(std::string_view party, const ModuleWithdrawn& event) const {
  const auto who = plan->find_party(party);
  if (!who || !withdraws(*plan, *who)) return wrong_party(party, "module.withdrawn");
  const auto known = submitted.find(event.hash);
  if (known != submitted.end() && known->second.module == event.module) return {};
  const auto released = module_releases.find(event.module);
  const bool in_force =
      released != module_releases.end() && !released->second.withdrawn && released->second.hash == event.hash;
  return in_force ? Result<void>() : unknown(event.module);
}

void Ledger::State::take_module(const Entry& entry) {
  if (const auto* event = std::get_if<ModuleSubmitted>(&entry.event)) {
    const auto statement = read_statement(documents, event->statement);
    if (!statement) return;
    submitted[event->hash] = {event->module,    event->version,  event->hash,
                              event->statement, statement->said, event->size_bytes,
                              entry.party,      entry.at,        {}};
  } else if (const auto* seen = std::get_if<ModuleShown>(&entry.event)) {
    auto& shown_to = submitted.at(seen->hash).shown_to;
    const auto place = std::lower_bound(shown_to.begin(), shown_to.end(), entry.party);
    if (place == shown_to.end() || *place != entry.party) shown_to.insert(place, entry.party);
  } else if (const auto* released = std::get_if<ModuleReleased>(&entry.event)) {
    module_releases[released->module] = {released->version, released->version,   released->hash, released->statement,
                                         entry.at,          released->signed_by, false};
  } else if (const auto* withdrawn = std::get_if<ModuleWithdrawn>(&entry.event)) {
    ReleasedModule& release = module_releases.try_emplace(withdrawn->module).first->second;
    if (release.version == 0 || release.hash == withdrawn->hash) release.withdrawn = true;
    if (const auto known = submitted.find(withdrawn->hash); known != submitted.end()) {
      release.used = std::max(release.used, known->second.version);
      submitted.erase(known);
    }
  }
}

namespace {

void put_texts(Bytes& out, const std::vector<std::string>& texts) {
  put_varint(out, texts.size());
  for (const std::string& text : texts) put_sized(out, text);
}
std::vector<std::string> take_texts(ByteReader& in) {
  std::vector<std::string> out;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) out.emplace_back(in.sized());
  return out;
}
Hash take_hash(ByteReader& in) { return Hash::from(in.take(Hash::kSize)).value_or(Hash{}); }

}  // namespace

void put_modules(Bytes& out, const std::map<Hash, Ledger::SubmittedModule>& submitted,
                 const std::map<std::string, Ledger::ReleasedModule, std::less<>>& releases) {
  put_varint(out, submitted.size());
  for (const auto& [hash, module] : submitted) {
    out += hash.view();
    put_sized(out, module.module);
    put_varint(out, module.version);
    out += module.statement.view();
    out += module.said.view();
    put_varint(out, module.size_bytes);
    put_sized(out, module.party);
    put_u64(out, static_cast<std::uint64_t>(module.at));
    put_texts(out, module.shown_to);
  }
  put_varint(out, releases.size());
  for (const auto& [name, release] : releases) {
    put_sized(out, name);
    put_varint(out, release.version);
    put_varint(out, release.used);
    out += release.hash.view();
    out += release.statement.view();
    put_u64(out, static_cast<std::uint64_t>(release.at));
    put_texts(out, release.signed_by);
    out.push_back(release.withdrawn ? '\1' : '\0');
  }
}

void take_modules(ByteReader& in, std::map<Hash, Ledger::SubmittedModule>& submitted,
                  std::map<std::string, Ledger::ReleasedModule, std::less<>>& releases) {
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    Ledger::SubmittedModule module;
    module.hash = take_hash(in);
    module.module = in.sized();
    module.version = static_cast<std::uint32_t>(in.varint());
    module.statement = take_hash(in);
    module.said = take_hash(in);
    module.size_bytes = in.varint();
    module.party = in.sized();
    module.at = static_cast<UnixMillis>(in.u64());
    module.shown_to = take_texts(in);
    if (!std::is_sorted(module.shown_to.begin(), module.shown_to.end())) return in.fail();
    submitted[module.hash] = std::move(module);
  }
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    const std::string name(in.sized());
    Ledger::ReleasedModule release;
    release.version = static_cast<std::uint32_t>(in.varint());
    release.used = static_cast<std::uint32_t>(in.varint());
    release.hash = take_hash(in);
    release.statement = take_hash(in);
    release.at = static_cast<UnixMillis>(in.u64());
    release.signed_by = take_texts(in);
    release.withdrawn = in.u8() != 0;
    releases[name] = std::move(release);
  }
}

}  // namespace holdfast::ledger
