#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>

#include "base/note.h"
#include "base/result.h"
#include "evidence/formats/checkpoint.h"
#include "verify/source.h"

namespace holdfast::cli {

/// A verifier key: the text itself, or a file with it.
Result<VerifierKey> read_verifier_key(const std::string& text_or_path);

/// Where a command reads a log.
struct EvidenceOptions {
  std::string log;  ///< URL or folder; empty: of the server of the working directory
  std::string dir, ca;
};
/// --log, --dir, --ca.
void add_evidence_options(CLI::App& command, EvidenceOptions& options);

/// A log opened for reading, at the checkpoint of that moment. Its signature is not checked here: that is what verify
/// and check-receipt are for.
struct Evidence {
  std::unique_ptr<verify::Source> source;
  std::string note;  ///< the signed checkpoint
  evidence::Checkpoint checkpoint;

  static Result<Evidence> open(const EvidenceOptions& options);
  /// not_found unless there is an entry `index`.
  Result<void> require(std::uint64_t index) const;
  /// Entry `index`; not_found beyond the checkpoint.
  Result<Bytes> entry(std::uint64_t index) const;
};

}  // namespace holdfast::cli
