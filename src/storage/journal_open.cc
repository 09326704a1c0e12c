// What a journal's files hold, and where it goes on.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/journal.h"
#include "storage/rules.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// Beside the folder: the names of the journals that were begun, a line each. One is named before its first record is
/// written, so that its files are missed when all of them are gone.
constexpr const char* kBegunFile = "JOURNALS";
constexpr std::size_t kBegunBytesMax = 64u << 10;
std::mutex begun_mutex;  ///< one changes it at a time

std::string begun_file(const std::string& folder) { return fs::path(folder).parent_path() / kBegunFile; }

struct FileName {
  std::string journal;
  std::uint64_t start = 0;
};

std::optional<FileName> parse(const std::string& file) {
  const std::size_t dot = file.rfind('.');
  if (dot == std::string::npos || file.size() - dot - 1 != Journal::kDigits) return std::nullopt;
  FileName out{file.substr(0, dot), 0};
  std::ranges::replace(out.journal, '+', '/');
  const char* const last = file.data() + file.size();
  const auto [at, wrong] = std::from_chars(file.data() + dot + 1, last, out.start);
  if (at != last || wrong != std::errc() || !check_name(out.journal)) return std::nullopt;
  return out;
}

/// The first entries of each journal's files, in order.
Result<std::map<std::string, std::vector<std::uint64_t>>> starts_in(const std::string& folder) {
  std::map<std::string, std::vector<std::uint64_t>> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto name = parse(it->path().filename().string());
    if (name) out[name->journal].push_back(name->start);
  }
  if (error) return tl::unexpected<Error>(disk_error(error.value(), folder));
  for (auto& [name, numbers] : out) std::ranges::sort(numbers);
  return out;
}

Result<std::set<std::string>> read_begun(const std::string& folder) {
  const std::string path = begun_file(folder);
  const auto text = read_file(path, kBegunBytesMax);
  std::set<std::string> out;
  if (!text && text.error().code == Code::not_found) return out;
  if (!text) return tl::unexpected<Error>(text.error());
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view name = rest.substr(0, end);
    if (end == std::string_view::npos || !check_name(name)) return tl::unexpected<Error>(damage(path));
    out.emplace(name);
    rest.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

Result<void> Journal::note_begun(const std::string& folder, const std::vector<std::string>& names) {
  const std::lock_guard lock(begun_mutex);
  HF_TRY(std::set<std::string> begun, read_begun(folder));
  const std::size_t before = begun.size();
  begun.insert(names.begin(), names.end());
  if (begun.size() == before) return {};
  std::string text;
  for (const std::string& name : begun) text += name + "\n";
  return write_file(begun_file(folder), text, 0600);
}

Result<void> Journal::require_begun(const std::string& folder) {
  HF_TRY(const auto begun, read_begun(folder));
  if (begun.empty()) return {};
  std::error_code unknown;
  if (!fs::exists(folder, unknown) && !unknown) return tl::unexpected<Error>(part_missing(folder));
  HF_TRY(const auto there, starts_in(folder));
  for (std::string name : begun) {
    if (there.contains(name)) continue;
    std::ranges::replace(name, '/', '+');
    return tl::unexpected<Error>(part_missing(folder + "/" + name + ".*"));
  }
  return {};
}

Result<Journal::ByName> Journal::open_all(const std::string& folder, Options options) {
  std::error_code error;
  if (options.read_only && !fs::exists(folder, error)) {
    return tl::unexpected<Error>(part_missing(folder));
  }
  if (!options.read_only && fs::create_directory(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, error);
    HF_CHECK(sync(fs::path(folder).parent_path().string()));
  }
  HF_TRY(const auto starts, starts_in(folder));
  HF_TRY(const auto begun, read_begun(folder));
  ByName out;
  std::vector<std::string> names;
  for (const auto& [name, numbers] : starts) {
    auto journal = std::make_unique<Journal>(folder, name, options);
    HF_CHECK(journal->load(numbers, begun.contains(name)));
    out.emplace(name, std::move(journal));
    names.push_back(name);
  }
  // Of a kill right before it was noted, or restored: a backup has no list.
  if (!options.read_only) HF_CHECK(note_begun(folder, names));
  return out;
}

/// Whole records one behind the other.
struct Journal::Run {
  std::size_t file = 0;          ///< which of the files
  std::uint64_t start = 0;       ///< number of its first entry
  std::uint64_t end = 0;         ///< behind its last
  std::size_t from = 0, to = 0;  ///< where in the file
};

struct Journal::Scanned {
  struct File {
    std::uint64_t start = 0;  ///< as its name says
    SegmentReader::End ending = SegmentReader::End::clean;
  };
  std::vector<File> files;
  std::vector<Run> runs;
  std::uint64_t begin = 0;  ///< as the newest record says
  bool goes_on = false;     ///< the newest record says that another file follows

  /// Does the run go on where the one before ended, in the file before? Within a file, damage is between the two.
  bool joins(std::size_t run) const {
    if (run == 0 || runs[run].from != 0 || runs[run].file != runs[run - 1].file + 1) return false;
    return runs[run].start == runs[run - 1].end && runs[run].start == files[runs[run].file].start;
  }
};

Result<Journal::Scanned> Journal::scan(const std::vector<std::uint64_t>& starts) const {
  Scanned out;
  for (const std::uint64_t start : starts) {
    const auto bytes = read_file(path(start), kFileBytesMax);
    if (!bytes) {
      return fail(Code::unavailable, "storage.io", path(start),
                  bytes.error().what + "; mend the disk and restart the server");
    }
    SegmentReader reader(*bytes);
    bool joined = false;  // nothing but whole records since the last one
    while (true) {
      const std::size_t at = reader.at();
      if (const auto record = reader.next()) {
        if (!joined || out.runs.back().end != record->position) {
          out.runs.push_back({out.files.size(), record->position, record->position, at, at});
        }
        out.runs.back().end = record->end();
        out.runs.back().to = reader.at();
        out.begin = record->begin;
        out.goes_on = record->ends_file();
        joined = true;
      } else if (reader.skip()) {
        joined = false;
      } else {
        break;
      }
    }
    out.files.push_back({start, reader.end()});
  }
  return out;
}

/// What is wrong between a file's last whole record, which ends at `number`, and what follows it.
Error Journal::broken_behind(const Scanned& all, std::size_t file, std::uint64_t number) const {
  if (all.files[file].ending == SegmentReader::End::cut) return cut_short(path(all.files[file].start));
  if (all.files[file].ending != SegmentReader::End::clean) return damage(path(all.files[file].start));
  return part_missing(path(number));
}

Error Journal::broken_before(const Scanned& all, std::size_t run) const {
  const Run& broken = all.runs[run];
  const std::uint64_t start = all.files[broken.file].start;
  if (broken.from != 0 || broken.start != start) return damage(path(start));
  if (run == 0)
    return broken.file == 0 ? part_missing(path(all.begin)) : broken_behind(all, broken.file - 1, all.begin);
  return broken_behind(all, all.runs[run - 1].file, all.runs[run - 1].end);
}

/// Of the runs, those that are the journal's: [first, end). It begins where the newest record says; what lies before is
/// trimmed, and damage there is none. With drop_damaged it ends at the damage.
Result<std::pair<std::size_t, std::size_t>> Journal::live_runs(Scanned& all) const {
  const std::size_t count = all.runs.size();
  if (count == 0) return std::pair(count, count);
  std::size_t first = count - 1;
  while (all.runs[first].start > all.begin && all.joins(first)) --first;
  if (all.runs[first].start <= all.begin) return std::pair(first, count);
  const Error broken = broken_before(all, first);
  if (!options_.drop_damaged) return tl::unexpected<Error>(broken);
  const auto holds_begin = [&](const Run& run) { return run.start <= all.begin && all.begin <= run.end; };
  // Where the record that said where it begins is lost, and files were trimmed by it, the first of the others says it.
  if (std::ranges::none_of(all.runs, holds_begin)) all.begin = std::max(all.begin, all.files.front().start);
  first = static_cast<std::size_t>(std::ranges::find_if(all.runs, holds_begin) - all.runs.begin());
  if (first == count) {
    if (all.files.front().start != all.begin) return tl::unexpected<Error>(broken);
    first = 0;
    all.runs.insert(all.runs.begin(), {0, all.begin, all.begin, 0, 0});  // nothing of it is left
  }
  std::size_t end = first + 1;
  while (end < all.runs.size() && all.joins(end)) ++end;
  return std::pair(first, end);
}

/// Of a journal that was `begun`, as is on record: is its last file as long as it was, and what is in it as it was?
Result<void> Journal::check_end(const Scanned& all, bool begun) const {
  const Scanned::File& last = all.files.back();
  if (last.ending == SegmentReader::End::damaged) return tl::unexpected<Error>(damage(path(last.start)));
  // A file has room before anything says that it is there.
  const bool is_first = all.files.size() == 1;
  const bool holds_records = !all.runs.empty() && all.runs.back().file + 1 == all.files.size();
  const bool has_room = holds_records || (is_first ? begun : all.goes_on);
  if (last.ending == SegmentReader::End::cut && has_room) return tl::unexpected<Error>(cut_short(path(last.start)));
  return {};
}

Result<void> Journal::load(const std::vector<std::uint64_t>& starts, bool begun) {
  HF_TRY(Scanned all, scan(starts));
  if (!options_.drop_damaged) HF_CHECK(check_end(all, begun));
  const std::uint64_t said = all.begin;
  HF_TRY(const auto live, live_runs(all));
  const auto [first, end] = live;
  begin_ = all.begin;
  for (std::size_t i = first; i < end; ++i) {
    const Run& run = all.runs[i];
    segments_.push_back({all.files[run.file].start, run.end, run.from, run.to});
  }
  end_ = segments_.empty() ? 0 : segments_.back().end;

  // Behind the last record: nothing, a record that was not written whole, or a file that was begun and has none yet.
  const bool dropped = end < all.runs.size();
  const std::size_t last = segments_.empty() ? 0 : all.runs[end - 1].file;
  std::size_t files_end = last + 1;
  if (!dropped) {
    const std::size_t next = segments_.empty() ? 0 : last + 1;
    if (next + 1 == all.files.size() && all.files[next].start == end_) {
      segments_.push_back({end_, end_, 0, 0});
      files_end = next + 1;
    } else if (next < all.files.size() && !options_.drop_damaged) {
      return tl::unexpected<Error>(broken_behind(all, last, end_));
    } else if (segments_.empty() || (all.goes_on && next == all.files.size())) {
      return tl::unexpected<Error>(part_missing(path(end_)));
    }
  }
  if (options_.read_only) return {};
  for (std::size_t i = 0; i < all.files.size(); ++i) {
    if (all.files[i].start < segments_.front().start || i >= files_end) ::unlink(path(all.files[i].start).c_str());
  }
  if (dropped || all.files[files_end - 1].ending != SegmentReader::End::clean) HF_CHECK(clear_behind_last());
  // What is left may say that the journal begins earlier than it does.
  if (!dropped && begin_ == said) return {};
  HF_CHECK(open_last());
  return put({end_, 0, begin_, {}});
}

}  // namespace holdfast::storage
