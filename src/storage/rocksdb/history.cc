#include "storage/rocksdb/history.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/secret.h"

namespace holdfast::storage {
namespace {

constexpr const char* kHistory = "history";
/// The steps of starts that a part has seen: two each, so that all parts have seen the first before any sees the
/// second, after which they are written to. Parts of one time differ by one at most.
constexpr const char* kStep = "start";
constexpr const char* kBackup = "backup";

/// Each 0 where nothing was written yet.
struct Time {
  std::uint64_t history = 0, step = 0;
};

std::string list_in(const std::string& part) { return part + "/" + kListFile; }

Result<std::vector<Time>> times_of(std::span<const std::string> parts) {
  std::vector<Time> out;
  for (const std::string& part : parts) {
    HF_TRY(FileList list, read_list_if_any(list_in(part)));
    out.push_back({list[kHistory], list[kStep]});
  }
  return out;
}

std::uint64_t any_number() {
  std::uint64_t out = 0;
  random_bytes(&out, sizeof out);
  return out;
}

tl::unexpected<Error> differ(const std::string& part, const std::string& what) {
  return fail(Code::corrupt, "storage.parts.differ", part, what);
}

}  // namespace

Result<void> require_together(std::span<const std::string> parts) {
  HF_TRY(const std::vector<Time> times, times_of(parts));
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i].history == times[0].history || times[i].step == 0 || times[0].step == 0) continue;
    // Of three the one that is not like the others.
    const bool first = times.size() > 2 && times[1].history == times[2].history;
    return differ(parts[first ? 0 : i],
                  "this part is of another store than " + parts[first ? i : 0] +
                      ", or of the same before or after a restore; put back the parts that belong together, "
                      "or restore a backup. Nothing was changed");
  }
  const auto least = std::ranges::min_element(times, std::less(), &Time::step);
  if (std::ranges::is_sorted(times, std::greater(), &Time::step) && times[0].step - least->step <= 1) return {};
  return differ(parts[static_cast<std::size_t>(least - times.begin())],
                "this part of the store is from an earlier time than another one, and what was written since is not in "
                "it; put back the parts that belong together, or restore a backup. Nothing was changed");
}

Result<void> begin_together(std::span<const std::string> parts) {
  HF_TRY(const std::vector<Time> times, times_of(parts));
  const auto [history, present] = times[0];
  const std::uint64_t ours = history != 0 ? history : any_number();
  for (std::uint64_t step = present; step <= present / 2 * 2 + 2; ++step) {
    for (const std::string& part : parts) {
      HF_CHECK(change_list(list_in(part), [ours, step](FileList& list) {
        const bool changes = list[kHistory] != ours || list[kStep] != step;
        list[kHistory] = ours, list[kStep] = step;
        return changes;
      }));
    }
  }
  return {};
}

Result<void> begin_history(std::span<const std::string> parts) {
  const std::uint64_t history = any_number();
  for (const std::string& part : parts) {
    HF_CHECK(change_list(list_in(part), [history](FileList& list) {
      list.erase(kBackup);
      list[kHistory] = history, list[kStep] = 2;
      return true;
    }));
  }
  return {};
}

Result<FileList> mark_of_backup(const std::string& part) {
  HF_TRY(FileList list, read_list_if_any(list_in(part)));
  return FileList{{kHistory, list[kHistory]}, {kBackup, any_number()}};
}

Result<void> require_one_backup(const std::string& records, const std::string& log, const std::string& keys) {
  HF_TRY(FileList of_records, read_list(list_in(records)));
  HF_TRY(FileList of_log, read_list(list_in(log)));
  HF_TRY(FileList of_keys, read_list(list_in(keys)));
  if (of_log[kHistory] != of_records[kHistory] || of_log[kBackup] != of_records[kBackup]) {
    return differ(log, "this is of another backup than " + records + "; both belong together: restore a whole backup");
  }
  if (of_keys[kHistory] == of_records[kHistory]) return {};
  return differ(keys,
                "these are the keys of another store than " + records +
                    ", or of the same before or after a restore; give those of the same backup, or of another one "
                    "with no restore in between");
}

}  // namespace holdfast::storage
