#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/note.h"
#include "base/result.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/formats/tree.h"
#include "verify/source.h"

namespace holdfast::cli {

/// A verifier key: the text itself, or a file with it.
Result<VerifierKey> read_verifier_key(const std::string& text_or_path);

/// Where a command reads a log.
struct EvidenceOptions {
  std::string log;  ///< URL or folder; empty: of the server of the working directory
  std::string dir, ca;
  std::string log_key;  ///< a file or the key itself; empty: the working directory's, if `log` is
};
/// --log, --dir, --ca.
void add_evidence_options(CLI::App& command, EvidenceOptions& options);
/// --log-key, where it is not required.
void add_log_key_option(CLI::App& command, EvidenceOptions& options);

/// The key that the log's own first agreement names; nothing when it cannot be read. Whether the parties signed that
/// agreement is for verify to say: what it is good for is to notice damage.
std::optional<VerifierKey> pinned_key(verify::Source& source, const evidence::Checkpoint& checkpoint);

/// A log opened for reading, at the checkpoint of that moment.
struct Evidence {
  std::unique_ptr<verify::Source> source;
  std::string place;
  std::string note;  ///< the signed checkpoint
  evidence::Checkpoint checkpoint;
  std::optional<VerifierKey> key;  ///< that signed the checkpoint; nothing: none is known, so it was not checked
  bool pinned = false;             ///< `key` is only what the log says of itself

  /// Errors: corrupt "evidence.checkpoint.signature" when a key is known and the checkpoint does not bear its
  /// signature.
  static Result<Evidence> open(const EvidenceOptions& options);
  /// not_found unless there is an entry `index`.
  Result<void> require(std::uint64_t index) const;
  /// Of its tree. Every tile is held up to the hash above it, and so to the checkpoint's root; one that does not lead
  /// there is an error, `forged`. Borrows this; not thread-safe.
  Result<evidence::HashReader> hashes() const;
  /// Entry `index`, held up to its hash; not_found beyond the checkpoint.
  Result<Bytes> entry(std::uint64_t index, const evidence::HashReader& hashes) const;
  /// corrupt "evidence.tile.forged": what lies at `path` is not what the checkpoint promises.
  tl::unexpected<Error> forged(const std::string& path) const;
};

}  // namespace holdfast::cli
