#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/note.h"
#include "evidence/formats/checkpoint.h"
#include "fetch/http_client.h"
#include "ledger/ledger.h"

namespace holdfast::verify {

/// How a run ended; the exit code of `holdfast verify`.
enum class Verdict {
  good = 0,
  nothing_proven = 1,  ///< wrong usage, or the log could not be fetched: verify() answered an Error
  violations = 2,      ///< something stands in the log that should not, or is missing
  inconsistent = 3,    ///< the log is not one log: rollback, split view, signature or root wrong
};

struct Finding {
  std::string slug;                    ///< stable: "evidence.entry.forged", "release.form", … (README.md)
  std::optional<std::uint64_t> index;  ///< of the entry, if it is about one
  std::string text;
};

struct Progress {
  std::uint64_t done = 0, total = 0;  ///< entries
  std::uint64_t findings = 0;
};

/// Hears what a run reads, on the caller's thread: for whoever counts what the evidence says while it is checked.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Every entry that is authentic and can be read, in the log's order, right or wrong by the agreement; `before` is
  /// what the log says up to there. Entries that an earlier run checked (`state_file`) are not heard.
  virtual void on_entry(std::uint64_t index, const evidence::Entry& entry, const ledger::Ledger& before) = 0;
  /// After the last entry.
  virtual void on_end(const ledger::Ledger& ledger) = 0;
};

struct Options {
  std::string log;                     ///< URL (the log's prefix) or directory
  std::vector<VerifierKey> parties;    ///< their public keys: who may sign the first agreement
  std::optional<VerifierKey> log_key;  ///< else the one that the agreement pins
  std::string state_file;              ///< what earlier runs trusted; empty: from the beginning, remembering nothing
  std::vector<std::string> also;       ///< other views of the log: checkpoint files, directories, URLs
  unsigned threads = 0;                ///< 0: as many as suit the source
  fetch::HttpOptions http;
  std::size_t findings_max = 1000;                ///< more are counted, not listed
  Listener* listener = nullptr;                   ///< borrowed
  std::function<void(const Progress&)> progress;  ///< called from the caller's thread, a few times a second or more
};

struct Report {
  Verdict verdict = Verdict::good;
  bool examined = true;  ///< false: its signature or its first agreement does not hold, so no entry was looked at
  std::optional<UnixMillis> newest_at;  ///< time of the newest entry that was looked at, now or by an earlier run
  evidence::Checkpoint checkpoint;
  std::string log_key;     ///< the verifier key that signed it
  std::uint64_t from = 0;  ///< entries before this one were checked by earlier runs
  std::vector<Finding> findings;
  std::uint64_t findings_total = 0;
  std::vector<ledger::Ledger::Tally> tallies;  ///< since the log's beginning
  std::vector<ledger::Ledger::Adoption> agreements;
  std::map<std::string, std::uint64_t> kinds;  ///< entries of each kind, since the beginning
  std::uint64_t erasures_unfinished = 0;
  double seconds = 0;

  double entries_per_second() const { return seconds > 0 ? static_cast<double>(checkpoint.size - from) / seconds : 0; }
};

/// Checks a log from outside: signature, consistency with what was trusted before, every entry against its hash, the
/// tree against the root, every entry against the agreement then in force. Goes on after findings. Remembers the log
/// in `state_file` only when there were none. Blocks; starts threads and ends them.
/// Errors mean that nothing is proven: invalid (usage), unavailable (cannot be fetched).
Result<Report> verify(const Options& options);

}  // namespace holdfast::verify
