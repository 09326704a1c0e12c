#include "storage/rocksdb/parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/rocksdb/files.h"
#include "storage/rocksdb/history.h"
#include "storage/rocksdb/log.h"
#include "storage/rocksdb/wal_end.h"

namespace holdfast::storage {
namespace {

/// Of each part, how many of its changes that a journal saw are not there.
Marks lost_of(const RocksParts& parts) {
  const Marks present = parts.marks();
  Marks lost{};
  for (const auto& [name, journal] : parts.journals) {
    for (std::size_t i = 0; i < lost.size(); ++i) {
      if (journal->marks()[i] > present[i]) lost[i] = std::max(lost[i], journal->marks()[i] - present[i]);
    }
  }
  return lost;
}

}  // namespace

std::array<std::string, 3> parts_in(const std::string& directory) {
  return {directory + "/records", directory + "/keys", directory + "/log"};
}

Result<void> RocksParts::require_marks() const {
  const Marks lost = lost_of(*this);
  const RocksInstance* const parts[] = {records.get(), keys.get(), log.get()};
  for (std::size_t i = 0; i < lost.size(); ++i) {
    if (lost[i] == 0) continue;
    return fail(Code::corrupt, "storage.changes.lost", parts[i]->path(),
                fmt::format("the newest {} changes of this part are not in it, which the evidence came after: a "
                            "write-ahead log was overwritten, or the part was put back from an earlier moment; put it "
                            "back as it was, restore a backup, or read what 'holdfast repair' would drop",
                            lost[i]));
  }
  HF_TRY(const auto of_journals, lost_entries(*log, journals));
  if (of_journals.empty()) return {};
  const auto& [journal, reached, reaches] = of_journals.front();
  return fail(
      Code::corrupt, "storage.changes.lost", log->path() + "/" + Journal::all_files(journal),
      fmt::format("this journal reached to entry {}, and reaches to {} now: it was overwritten, or put back from "
                  "an earlier moment; put it back as it was, restore a backup, or read what 'holdfast repair' "
                  "would drop",
                  reached, reaches));
}

Result<void> RocksParts::take_marks() {
  for (const auto& [name, journal] : journals) HF_CHECK(journal->mark(marks()));
  return {};
}

Result<void> RocksParts::verify() const {
  HF_CHECK(records->verify());
  HF_CHECK(keys->verify());
  return log->verify();
}

Result<RocksParts> open_parts(const std::string& directory, const RocksOptions& options) {
  const auto parts = parts_in(directory);
  const std::string folder = journals_of(parts[2]);
  RocksParts out{RocksShared::create(options),
                 {.read_only = options.read_only, .drop_damaged = options.drop_damaged_tail},
                 {},
                 {},
                 {},
                 {}};
  HF_CHECK(require_databases(parts));
  // What is missed or damaged in one is told before another is written to.
  for (const std::string& part : parts) HF_CHECK(RocksInstance::look(part, out.shared));
  HF_CHECK(require_together(parts));
  if (options.drop_damaged_tail) HF_CHECK(Journal::open_all(folder, {.read_only = true, .drop_damaged = true}));
  HF_TRY(out.records, RocksInstance::open(parts[0], out.shared, records_families()));
  HF_TRY(out.keys, RocksInstance::open(parts[1], out.shared, keys_families()));
  HF_TRY(out.log, RocksInstance::open(parts[2], out.shared, log_families()));
  HF_TRY(out.journals, Journal::open_all(folder, out.journal_options));
  return out;
}

Result<std::vector<Loss>> losses_of(const std::string& directory) {
  std::vector<Loss> out;
  const auto folders = parts_in(directory);
  std::array<bool, folders.size()> known{};
  for (std::size_t i = 0; i < folders.size(); ++i) {
    HF_TRY(const LogEnds ends, ends_of(folders[i], true));
    for (const auto& [name, end] : ends.logs) {
      if (end.how == LogEnd::torn) continue;
      out.push_back({folders[i] + "/" + name, end.behind == 0
                                                  ? fmt::format("what stood behind byte {}, which is cut off", end.at)
                                                  : fmt::format("{} bytes behind byte {}", end.behind, end.at)});
      known[i] = true;
    }
  }
  HF_TRY(const RocksParts parts, open_parts(directory, {.drop_damaged_tail = true, .read_only = true}));
  HF_TRY(const auto of_journals, lost_entries(*parts.log, parts.journals));
  for (const auto& [name, reached, reaches] : of_journals) {
    out.push_back({parts.log->path() + "/" + Journal::all_files(name),
                   fmt::format("entries from {} to {}, which are gone already", reaches, reached)});
  }
  for (const auto& [name, journal] : parts.journals) {
    if (journal->met()) out.push_back({journal->met()->where, fmt::format("all from entry {} on", journal->end())});
  }
  const Marks lost = lost_of(parts);
  for (std::size_t i = 0; i < lost.size(); ++i) {
    if (lost[i] == 0 || known[i]) continue;
    out.push_back({folders[i], fmt::format("its newest {} changes, which are gone already", lost[i])});
  }
  return out;
}

}  // namespace holdfast::storage
