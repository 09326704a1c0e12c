#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/frame/progress.h"
#include "verify/verify.h"

namespace holdfast::cli {

/// A log to be checked, and with whose keys: what verify and report have in common.
struct EvidenceSource {
  std::string log, log_key, ca;
  std::vector<std::string> parties;
  unsigned threads = 0;
};
/// LOG, --party, --log-key, --ca, --threads.
void add_evidence_source(CLI::App& command, EvidenceSource& source);
/// Reads the keys.
Result<verify::Options> to_verify(const EvidenceSource& source);

/// For verify::Options::progress: a bar in `bar`, made when there is something to show. Borrows `bar`.
std::function<void(const verify::Progress&)> showing(std::unique_ptr<Progress>& bar, std::string what);

}  // namespace holdfast::cli
