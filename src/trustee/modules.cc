// The life of a sealed module, from its submission to its release and withdrawal. What may be done is the ledger's to
// say (ledger/modules.cc); here is what it takes to do it.
#include <algorithm>
#include <boost/json.hpp>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "sealed/provenance/statement.h"
#include "trustee/impl.h"
#include "trustee/modules/admission.h"
#include "trustee/modules/submission.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;
using Submitted = ledger::Ledger::SubmittedModule;
using Released = ledger::Ledger::ReleasedModule;

/// What lies in custody of a submission beside its file and its statement.
std::string report_blob(const Hash& statement) { return "module-report/" + to_hex(statement.view()); }

/// An envelope with the statement in it.
struct Said {
  sealed::Envelope envelope;
  sealed::ModuleStatement statement;
  std::string bytes;  ///< the envelope in our spelling
  Hash hash;          ///< of `bytes`
};
Result<Said> read_envelope(std::string_view text) {
  Said out;
  HF_TRY(out.envelope, sealed::Envelope::parse(text));
  HF_TRY(out.statement, sealed::parse_statement(out.envelope.payload));
  out.bytes = out.envelope.encode();
  out.hash = sha256(out.bytes);
  return out;
}

/// The parties of `plan` whose signature stands on the envelope, in their order.
Result<std::vector<agreement::PartyIndex>> signers(const agreement::Plan& plan, const sealed::Envelope& envelope) {
  std::vector<agreement::PartyIndex> out;
  for (std::size_t i = 0; i < plan.parties.size(); ++i) {
    if (!plan.parties[i].key) continue;
    HF_TRY(const auto good, envelope.verify(std::span(&*plan.parties[i].key, 1)));
    if (!good.empty()) out.push_back(static_cast<agreement::PartyIndex>(i));
  }
  return out;
}

/// Blobs that go again when what they belong to does not come into the log.
class Documents {
 public:
  explicit Documents(storage::Store& store) : store_(store) {}
  ~Documents() {
    if (!kept_ && !fresh_.empty()) (void)store_.delete_blobs(fresh_);
  }
  Documents(const Documents&) = delete;
  Result<void> put(std::vector<storage::Blob> blobs) {
    for (const storage::Blob& blob : blobs) {
      HF_TRY(const auto there, store_.get_blob(blob.name));
      if (there && *there != blob.bytes) HF_CHECK(store_.delete_blobs(std::span(&blob.name, 1)));
      if (!there) fresh_.push_back(blob.name);
    }
    return store_.put_blobs(blobs);
  }
  void keep() { kept_ = true; }

 private:
  storage::Store& store_;
  std::vector<std::string> fresh_;
  bool kept_ = false;
};

Result<Hash> parse_module_hash(std::string_view hex) {
  const auto raw = from_hex(hex);
  const auto hash = raw ? Hash::from(*raw) : std::nullopt;
  if (hash && to_hex(hash->view()) == hex) return *hash;
  return fail(Code::not_found, "module.unknown", "", "a module is named by its SHA-256, 64 lower-case hex digits");
}

tl::unexpected<Error> unknown_module() {
  return fail(Code::not_found, "module.unknown", "", "no module of this hash is submitted, or it was withdrawn");
}

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

json::array names_of(const agreement::Plan& plan, const std::vector<agreement::PartyIndex>& parties) {
  json::array out;
  for (const agreement::PartyIndex party : parties) out.emplace_back(plan.parties[party].name);
  return out;
}

/// Do flows run this file? It may be submitted anew meanwhile, under a higher version that nobody has released.
bool runs_file(const Submitted& module, const Released* released) {
  return released && !released->withdrawn && released->hash == module.hash;
}
/// Is this submission what flows run?
bool runs(const Submitted& module, const Released* released) {
  return runs_file(module, released) && released->version == module.version;
}

json::object describe(const Submitted& module, const Released* released) {
  const bool in_force = runs(module, released);
  json::object out{{"module", module.module},
                   {"version", module.version},
                   {"hash", hex(module.hash)},
                   {"state", in_force                                       ? "in force"
                             : released && released->used >= module.version ? "superseded"
                                                                            : "submitted"},
                   {"statement", hex(in_force ? released->statement : module.statement)},
                   {"size_bytes", module.size_bytes},
                   {"submitted", json::object{{"by", module.party}, {"at", to_rfc3339(module.at)}}},
                   {"shown_to", json::value_from(module.shown_to)}};
  if (runs_file(module, released)) {
    out["in_force"] = json::object{{"version", released->version},
                                   {"statement", hex(released->statement)},
                                   {"released", to_rfc3339(released->at)}};
  }
  return out;
}

/// A submission as the ledger has it, copied out of its lock.
struct Known {
  Submitted module;
  std::optional<Released> released;
};
std::optional<Known> find_known(const Trustee::Impl& self, const Hash& hash) {
  return self.state->ledger([&](const ledger::Ledger& ledger) -> std::optional<Known> {
    const auto found = ledger.submitted_modules().find(hash);
    if (found == ledger.submitted_modules().end()) return std::nullopt;
    const auto released = ledger.module_releases().find(found->second.module);
    return Known{found->second,
                 released == ledger.module_releases().end() ? std::nullopt : std::optional(released->second)};
  });
}

/// Checks what costs little, has the module tried, and puts it on record.
Result<std::uint64_t> submit(Trustee::Impl& self, const Caller& caller, const std::string& submission) {
  HF_TRY(const auto active, self.active());
  const agreement::Plan& plan = *active->plan;
  HF_TRY(const auto who, self.party(*active, caller));
  HF_TRY(const ModuleSubmission sent, parse_submission(submission));
  const Bytes& file = sent.file;
  HF_TRY(const Said said, read_envelope(sent.envelope));
  HF_TRY(const auto signed_by, signers(plan, said.envelope));
  if (std::find(signed_by.begin(), signed_by.end(), who) == signed_by.end()) {
    return fail(Code::refused, "module.unsigned", caller.name,
                "the statement does not bear the signature of the party that submits it; next: holdfast module sign");
  }
  const Hash hash = sha256(file);
  if (hash != said.statement.module) {
    return fail(Code::invalid, "module.hash.other", "", "the statement is about another file: its SHA-256 differs");
  }
  if (!self.options.sealed) {
    return fail(Code::unsupported, "flow.kind.unavailable", "",
                "this server runs no sealed modules: the program for their workers is not beside it");
  }
  const bool declared = std::ranges::any_of(plan.flows, [&](const agreement::Flow& flow) {
    return flow.kind == agreement::Flow::Kind::run && flow.module == said.statement.name;
  });
  if (!declared) {
    return fail(Code::refused, "module.undeclared", said.statement.name,
                "no flow of the agreement in force runs a module of this name");
  }
  // Not waited for: job threads serve subjects' erasures too.
  const std::unique_lock turn(self.admitting, std::try_to_lock);
  if (!turn) {
    return fail(Code::unavailable, "module.busy", "", "another module is being tried just now; send this one again", 5);
  }
  const auto before = find_known(self, hash);
  if (before && before->module.said == sha256(said.envelope.payload)) {
    return fail(Code::conflict, "module.known", said.statement.name, "this module is submitted already");
  }
  HF_TRY(const Admission admission,
         admit_module(file, plan, said.statement.name, self.options.sealed->pool, self.options.sealed->run_max));
  const std::lock_guard together(self.module_documents);
  Documents documents(self.store);
  std::vector<storage::Blob> blobs{{ledger::document_path(ledger::DocumentKind::statement, said.hash), said.bytes},
                                   {report_blob(said.hash), json::serialize(admission.to_json())}};
  // Sealed it is never the same twice; the file of one that runs already is not to be replaced.
  if (!self.module_files->get(hash)) blobs.push_back(self.module_files->sealed(hash, file));
  HF_CHECK(documents.put(std::move(blobs)));
  HF_TRY(const auto appended,
         self.append_now(caller.name, evidence::ModuleSubmitted{said.statement.name, said.statement.version, hash,
                                                                said.hash, file.size()}));
  documents.keep();
  return appended.index;
}

Result<std::uint64_t> release(Trustee::Impl& self, const Caller& caller, const Hash& hash,
                              const std::string& envelope) {
  HF_TRY(const auto active, self.active());
  HF_CHECK(self.party(*active, caller));
  if (!find_known(self, hash)) return unknown_module();
  HF_TRY(const Said said, read_envelope(envelope));
  if (said.statement.module != hash) {
    return fail(Code::invalid, "module.hash.other", "", "the statement is about another module than the path names");
  }
  HF_TRY(const auto signed_by, signers(*active->plan, said.envelope));
  evidence::ModuleReleased event{said.statement.name, said.statement.version, hash, said.hash, {}};
  for (const agreement::PartyIndex party : signed_by) {
    event.signed_by.push_back(active->plan->parties[party].key->text());
  }
  const std::lock_guard together(self.module_documents);
  Documents documents(self.store);
  HF_CHECK(documents.put({{ledger::document_path(ledger::DocumentKind::statement, said.hash), said.bytes}}));
  HF_TRY(const auto appended, self.append_now(caller.name, std::move(event)));
  documents.keep();
  return appended.index;
}

/// The name under which `hash` is known.
std::optional<std::string> name_of(const Trustee::Impl& self, const Hash& hash) {
  return self.state->ledger([&](const ledger::Ledger& ledger) -> std::optional<std::string> {
    const auto found = ledger.submitted_modules().find(hash);
    if (found != ledger.submitted_modules().end()) return found->second.module;
    for (const auto& [name, released] : ledger.module_releases()) {
      if (!released.withdrawn && released.hash == hash) return name;
    }
    return std::nullopt;
  });
}

/// Puts on record what was refused. What cannot be admitted is the sender's error, and a refusal all the same.
template <class T>
Result<T> recorded(Trustee::Impl& self, const Caller& caller, const char* operation, Result<T> done) {
  if (done) return done;
  Error refusal = done.error();
  if (refusal.code == Code::invalid) refusal.code = Code::refused;
  self.refuse(caller, operation, {}, refusal);
  return done;
}

}  // namespace

Task<std::uint64_t> Trustee::submit_module(Caller caller, std::string submission) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    return recorded(*impl_, caller, "module-submit", submit(*impl_, caller, submission));
  });
}

Task<std::uint64_t> Trustee::release_module(Caller caller, std::string hash_hex, std::string envelope) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_TRY(const Hash hash, parse_module_hash(hash_hex));
    return recorded(*impl_, caller, "module-release", release(*impl_, caller, hash, envelope));
  });
}

Task<std::uint64_t> Trustee::withdraw_module(Caller caller, std::string hash_hex) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::uint64_t> {
    HF_TRY(const auto active, impl_->active());
    HF_TRY(const Hash hash, parse_module_hash(hash_hex));
    const auto withdraw = [&]() -> Result<std::uint64_t> {
      HF_CHECK(impl_->party(*active, caller));
      const auto name = name_of(*impl_, hash);
      if (!name) return unknown_module();
      HF_TRY(const auto appended, impl_->append_now(caller.name, evidence::ModuleWithdrawn{*name, hash}));
      return appended.index;
    };
    return recorded(*impl_, caller, "module-withdraw", withdraw());
  });
}

Task<std::string> Trustee::show_module(Caller caller, std::string hash_hex) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<std::string> {
    HF_TRY(const auto active, impl_->active());
    const agreement::Plan& plan = *active->plan;
    HF_CHECK(recorded(*impl_, caller, "module-show", impl_->party(*active, caller)));
    HF_TRY(const Hash hash, parse_module_hash(hash_hex));
    auto known = find_known(*impl_, hash);
    if (!known) return unknown_module();
    const Released* const released = known->released ? &*known->released : nullptr;
    const Hash statement = runs(known->module, released) ? released->statement : known->module.statement;
    HF_TRY(const auto envelope,
           impl_->store.get_blob(ledger::document_path(ledger::DocumentKind::statement, statement)));
    HF_TRY(const auto report, impl_->store.get_blob(report_blob(known->module.statement)));
    if (!envelope || !report) {
      return fail(Code::corrupt, "module.statement.missing", hex(statement),
                  "the statement or the report of this module is not here; restore it from the backup");
    }
    HF_TRY(const Said said, read_envelope(*envelope));
    HF_TRY(const auto signed_by, signers(plan, said.envelope));
    // Before it is shown, as everything.
    auto& shown_to = known->module.shown_to;
    if (!std::binary_search(shown_to.begin(), shown_to.end(), caller.name)) {
      HF_CHECK(impl_->append_now(caller.name, evidence::ModuleShown{hash}));
      shown_to.insert(std::upper_bound(shown_to.begin(), shown_to.end(), caller.name), caller.name);
    }
    json::object out = describe(known->module, released);
    if (json::value* const in_force = out.if_contains("in_force")) {
      HF_TRY(const auto of_release,
             impl_->store.get_blob(ledger::document_path(ledger::DocumentKind::statement, released->statement)));
      if (of_release) in_force->as_object()["envelope"] = json::parse(*of_release);
    }
    out["signed_by"] = names_of(plan, signed_by);
    out["needs"] = plan.change_module ? agreement::describe(plan, *plan.change_module) : "nobody can release it";
    out["to_be_shown_to"] = names_of(plan, plan.module_seen_by);
    out["envelope"] = json::parse(*envelope);
    out["said"] = json::parse(said.envelope.payload);
    out["report"] = json::parse(*report);
    return json::serialize(out);
  });
}

Result<std::string> Trustee::modules(const Caller& caller) const {
  HF_TRY(const auto active, impl_->active());
  HF_CHECK(impl_->party(*active, caller));
  json::array modules;
  impl_->state->ledger([&](const ledger::Ledger& ledger) {
    for (const auto& [hash, module] : ledger.submitted_modules()) {
      const auto released = ledger.module_releases().find(module.module);
      modules.push_back(describe(module, released == ledger.module_releases().end() ? nullptr : &released->second));
    }
  });
  return json::serialize(json::object{{"modules", std::move(modules)}});
}

Result<std::string> Trustee::module_statement(std::string_view hash_hex) const {
  const auto raw = from_hex(hash_hex);
  const auto hash = raw ? Hash::from(*raw) : std::nullopt;
  if (hash && to_hex(hash->view()) == hash_hex) {
    HF_TRY(auto bytes, impl_->store.get_blob(ledger::document_path(ledger::DocumentKind::statement, *hash)));
    if (bytes) return std::move(*bytes);
  }
  return fail(Code::not_found, "module.statement.unknown", "", "the log has no statement of this hash");
}

}  // namespace holdfast::trustee
