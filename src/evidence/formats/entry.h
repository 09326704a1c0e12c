#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace holdfast::evidence {

// What stands in the log. One struct a kind; docs/evidence.md lists them for readers. In JSON: hashes and
// pseudonyms as base64url, times as RFC 3339, numbers as integers below 2^53. Never personal data: a subject is a
// pseudonym, a payload a salted digest, a name is a party's, a flow's, a collection's.

struct AgreementAdopted {  // "agreement.adopted"
  Hash document;           ///< SHA-256 of the text; the signed note is the blob agreement/<hex>
  std::string name;
  std::uint32_t version = 0;
  std::vector<std::string> signed_by;  ///< verifier keys in full, whose signatures the note carries
};
struct ServerStarted {  // "server.started"
  Hash binary;
  std::string software;  ///< "holdfast 0.1.0"
};
struct Deposited {  // "deposited": records came into custody
  std::string collection;
  std::optional<Pseudonym> subject;  ///< a single deposit; absent for a batch
  std::uint64_t records = 0, subjects = 0;
  Hash digest;  ///< salted: SHA-256(salt || records as received)
};
/// The base of a run's random numbers: the seed is a MAC of it under a key of custody's, so that the trustee can run
/// the module again, and nobody else can take the chance out of an answer.
using RunSeed = Fixed<16, struct RunSeedTag>;
struct ModuleRun {                       // which code computed what leaves, and what it takes to run it again
  Hash module;                           ///< SHA-256 of the wasm file
  std::optional<std::uint64_t> product;  ///< the job.started whose product the module was handed
  RunSeed seed;
  UnixMillis started = 0;  ///< what its clock showed
};
struct Released {  // "released": the entry behind every byte that leaves
  std::string flow;
  std::string to;  ///< recipient party
  Pseudonym subject;
  std::string gives;  ///< canonical JSON, Flow::gives_json; an object in the entry
  std::uint64_t records = 1;
  Hash digest;  ///< SHA-256(16-byte salt || payload); the salt goes to the recipient only
  std::uint64_t size_bytes = 0;
  /// By a flow whose devices are counted (Flow::devices), and by no other: those that the records tell of, named by
  /// a key that dies with the subject's. Ascending, none twice.
  std::optional<std::vector<Pseudonym>> devices = {};
  std::optional<ModuleRun> run = {};  ///< of a flow that runs a module; `gives` then says what that read
};
/// What a window of a flow's privacy budget was spent on, as its agreement spells it.
struct PrivacySpent {
  std::string delta, epsilon;
};
struct AggregateReleased {  // "aggregate.released": sums over all subjects, with noise
  std::string flow;
  std::string to;            ///< recipient party
  std::string gives;         ///< canonical JSON, Flow::gives_json; an object in the entry
  std::uint64_t groups = 0;  ///< told of
  Hash digest;               ///< SHA-256(16-byte salt || payload)
  std::uint64_t size_bytes = 0;
  /// Of the first release within a window. The others within it are of the same bytes, and spend nothing.
  std::optional<PrivacySpent> spent = {};
};
struct Refused {            // "refused"
  std::string operation;    ///< "disclose", "deposit", "export" …
  std::string flow;         ///< as asked, if a known one; else empty
  std::string reason;       ///< the error's slug
  std::uint64_t count = 1;  ///< like refusals of one party and second are counted together
};
struct SubjectExported {  // "subject.exported"
  Pseudonym subject;
  Hash digest;
  std::uint64_t size_bytes = 0;
};
struct SubjectRestricted {  // "subject.restricted"
  Pseudonym subject;
};
struct SubjectUnrestricted {  // "subject.unrestricted"
  Pseudonym subject;
};
struct ErasureAsked {  // "erasure.asked"
  Pseudonym subject;
};
struct ErasureDone {  // "erasure.done"
  Pseudonym subject;
};
struct RetentionSwept {  // "retention.swept"
  std::string collection;
  std::uint64_t records = 0, subjects = 0;
};
struct RootKeyRotated {  // "root-key.rotated": key ids
  std::string from, to;
  std::uint64_t subjects = 0;
};
struct BackupTaken {  // "backup.taken": log size at the time
  std::uint64_t size = 0;
};

// A sealed module's life. `hash`: SHA-256 of the WebAssembly file; `statement`: of the DSSE envelope's bytes, which is
// the blob statement/<hex> beside the log.
struct ModuleSubmitted {      // "module.submitted": admitted, with a statement that the submitting party signed
  std::string module;         ///< as a flow's `run` names it
  std::uint32_t version = 0;  ///< as the statement numbers it
  Hash hash, statement;
  std::uint64_t size_bytes = 0;
};
struct ModuleShown {  // "module.shown": `party` was given statement and report
  Hash hash;
};
struct ModuleReleased {  // "module.released": from now on flows run it
  std::string module;
  std::uint32_t version = 0;
  Hash hash, statement;                ///< the statement that was submitted, with the signatures it needs
  std::vector<std::string> signed_by;  ///< verifier keys in full, in the order of the agreement's parties
};
struct ModuleWithdrawn {  // "module.withdrawn": it is not run any more; its statement releases nothing again
  std::string module;
  Hash hash;
};

struct RunFailed {  // "run.failed": a module's run was contained, and nothing of it left
  std::string flow;
  Pseudonym subject;
  std::string ending;  ///< the error's slug without "sealed.run.": "trapped", "time", "withheld" …
  /// That it had read: it spends limits as a release does, for how it ended tells something.
  std::uint64_t records = 1;
  ModuleRun run;
};
struct ModuleLogRead {  // "module.log-read": what a module wrote to its stderr was shown
  std::string module;   ///< its name
  Hash digest;          ///< salted
  std::uint64_t size_bytes = 0;
};

struct JobStarted {  // "job.started": a module begins to run over all subjects; the index names the job
  std::string flow;
  std::string gives;  ///< what it reads: canonical JSON, Flow::gives_json
  ModuleRun run;
};
struct JobFinished {                        // "job.finished": its product is in custody
  std::uint64_t started = 0;                ///< the job
  std::string product;                      ///< name
  Hash digest;                              ///< salted; the salt lies in custody with the product
  std::uint64_t subjects = 0, records = 0;  ///< that it read
  std::uint64_t size_bytes = 0;
};
struct JobFailed {  // "job.failed": the error's slug, or the ending
  std::uint64_t started = 0;
  std::string reason;
};
struct JobCancelled {  // "job.cancelled"
  std::uint64_t started = 0;
};

using Event =
    std::variant<AgreementAdopted, ServerStarted, Deposited, Released, Refused, SubjectExported, SubjectRestricted,
                 SubjectUnrestricted, ErasureAsked, ErasureDone, RetentionSwept, RootKeyRotated, BackupTaken,
                 ModuleSubmitted, ModuleShown, ModuleReleased, ModuleWithdrawn, RunFailed, ModuleLogRead, JobStarted,
                 JobFinished, JobFailed, JobCancelled, AggregateReleased>;

struct Entry {
  UnixMillis at = 0;            ///< never decreases along the log
  std::uint32_t agreement = 0;  ///< version in force (after, for an adoption); 0 before the first
  std::string party;            ///< who asked; the trustee for its own doings; "subject" for a subject itself
  Event event;

  std::string_view kind() const;
  /// Appends canonical JSON (RFC 8785), no trailing newline. invalid ("evidence.entry.…") when a string is not UTF-8,
  /// a number not below 2^53, or `gives` not a canonical object; `out` is then as it was.
  Result<void> encode_to(Bytes& out) const;
  /// The same, of an entry that is known to be good: asserts it.
  std::string encode() const;
  /// corrupt unless `json` is the canonical encoding of a known kind, every member known and none missing.
  static Result<Entry> decode(ByteView json);
};

}  // namespace holdfast::evidence
