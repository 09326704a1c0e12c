#pragma once

#include <string>

#include "base/bytes.h"
#include "base/note.h"
#include "base/result.h"

namespace holdfast::evidence {

/// C2SP tlog-checkpoint: what a log signs. https://c2sp.org/tlog-checkpoint
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root;

  std::string text() const;
  /// Of a note's text; extension lines are accepted and dropped. corrupt otherwise.
  static Result<Checkpoint> parse(std::string_view text);
  bool operator==(const Checkpoint&) const = default;
};

/// A signed note whose text is a checkpoint, checked against the log's key; the key's name must be the origin.
Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& log);

/// C2SP tlog-proof v1 (`.tlog-proof`). https://c2sp.org/tlog-proof
struct TlogProof {
  std::uint64_t index = 0;
  std::vector<Hash> hashes;
  std::string checkpoint;  ///< the signed note, verbatim
  Bytes extra;             ///< not authenticated; may be empty

  std::string encode() const;
  static Result<TlogProof> parse(std::string_view text);
  /// Holds `entry` up to the proof and the proof to the log's key. Answers the checkpoint.
  Result<Checkpoint> check(ByteView entry, const VerifierKey& log) const;
};

}  // namespace holdfast::evidence
