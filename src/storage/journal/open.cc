// What a journal's files hold, and where it goes on.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "storage/disk.h"
#include "storage/file_list.h"
#include "storage/journal/journal.h"
#include "storage/rules.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

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

std::string list_of(const std::string& folder) { return fs::path(folder).parent_path() / kListFile; }

}  // namespace

std::string Journal::all_files(std::string_view name) {
  std::string file(name);
  std::ranges::replace(file, '/', '+');
  return std::string(kJournalsFolder) + "/" + file + ".*";
}

Result<void> Journal::note_begun(const std::string& folder, const std::vector<std::string>& names) {
  return change_list(list_of(folder), [&](FileList& list) {
    bool changed = false;
    for (const std::string& name : names) changed |= list.emplace(all_files(name), 0).second;
    return changed;
  });
}

Result<void> Journal::require_begun(const std::string& folder, const FileList& list) {
  const auto is_journal = [](const auto& noted) { return noted.first.starts_with(kJournalsFolder); };
  if (std::ranges::none_of(list, is_journal)) return {};
  std::error_code unknown;
  if (!fs::exists(folder, unknown) && !unknown) return tl::unexpected<Error>(part_missing(folder));
  HF_TRY(const auto there, starts_in(folder));
  std::set<std::string> found;
  for (const auto& [name, starts] : there) found.insert(all_files(name));
  for (const auto& [name, number] : list) {
    if (name.starts_with(kJournalsFolder) && !found.contains(name)) {
      return tl::unexpected<Error>(part_missing(fs::path(folder).parent_path() / name));
    }
  }
  return {};
}

Result<Journal::ByName> Journal::open_all(const std::string& folder, Options options) {
  std::error_code error;
  if (options.read_only && !fs::exists(folder, error) && !error) return ByName();
  if (!options.read_only && fs::create_directory(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, error);
    HF_CHECK(sync(fs::path(folder).parent_path().string()));
  }
  HF_TRY(const auto starts, starts_in(folder));
  HF_TRY(const FileList list, read_list_if_any(list_of(folder)));  // there is none beside a folder by itself
  ByName out;
  std::vector<std::string> names;
  for (const auto& [name, numbers] : starts) {
    auto journal = std::make_unique<Journal>(folder, name, options);
    HF_CHECK(journal->load(numbers, list.contains(all_files(name))));
    out.emplace(name, std::move(journal));
    names.push_back(name);
  }
  // One that a kill kept from being noted.
  if (!options.read_only) HF_CHECK(note_begun(folder, names));
  return out;
}

/// Whole records one behind the other.
struct Journal::Run {
  std::size_t file = 0;          ///< which of the files
  std::uint64_t start = 0;       ///< number of its first entry
  std::uint64_t end = 0;         ///< behind its last
  std::size_t from = 0, to = 0;  ///< where in the file
  Marks marks{};                 ///< of its last record
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
    HF_TRY(const Bytes bytes, read_stored(path(start), kFileBytesMax));
    SegmentReader reader(bytes);
    bool joined = false;  // nothing but whole records since the last one
    while (true) {
      const std::size_t at = reader.at();
      if (const auto record = reader.next()) {
        if (!joined || out.runs.back().end != record->position) {
          out.runs.push_back({out.files.size(), record->position, record->position, at, at, {}});
        }
        out.runs.back().end = record->end();
        out.runs.back().to = reader.at();
        out.runs.back().marks = record->marks;
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

/// Goes on in spite of it only if told so.
Result<void> Journal::meet(Error damage) {
  if (!options_.drop_damaged) return tl::unexpected<Error>(std::move(damage));
  if (!met_) met_ = std::move(damage);
  return {};
}

Error Journal::broken_before(const Scanned& all, std::size_t run) const {
  const Run& broken = all.runs[run];
  const std::uint64_t start = all.files[broken.file].start;
  if (broken.from != 0 || broken.start != start) return damage(path(start));
  if (run == 0 && broken.file == 0) {
    if (all.begin == 0) return part_missing(path(0));
    // Where the first file began, the others do not say.
    Error missing = part_missing(fs::path(folder_).parent_path() / all_files(name_));
    missing.what = "the file before " + path(start) + " is gone; put it back, or restore a backup";
    return missing;
  }
  if (run == 0) return broken_behind(all, broken.file - 1, all.begin);
  return broken_behind(all, all.runs[run - 1].file, all.runs[run - 1].end);
}

/// Of the runs, those that are the journal's: [first, end). It begins where the newest record says; what lies before is
/// trimmed, and damage there is none. With drop_damaged it ends at the damage.
Result<std::pair<std::size_t, std::size_t>> Journal::live_runs(Scanned& all) {
  const std::size_t count = all.runs.size();
  if (count == 0) return std::pair(count, count);
  std::size_t first = count - 1;
  while (all.runs[first].start > all.begin && all.joins(first)) --first;
  if (all.runs[first].start <= all.begin) return std::pair(first, count);
  const Error broken = broken_before(all, first);
  HF_CHECK(meet(broken));
  const auto holds_begin = [&](const Run& run) { return run.start <= all.begin && all.begin <= run.end; };
  // Where the record that said where it begins is lost, and files were trimmed by it, the first of the others says it.
  if (std::ranges::none_of(all.runs, holds_begin)) all.begin = std::max(all.begin, all.files.front().start);
  first = static_cast<std::size_t>(std::ranges::find_if(all.runs, holds_begin) - all.runs.begin());
  if (first == count) {
    if (all.files.front().start != all.begin) return tl::unexpected<Error>(broken);
    first = 0;
    all.runs.insert(all.runs.begin(), {0, all.begin, all.begin, 0, 0, {}});  // nothing of it is left
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
  if (auto intact = check_end(all, begun); !intact) HF_CHECK(meet(std::move(intact).error()));
  const std::uint64_t said = all.begin;
  HF_TRY(const auto live, live_runs(all));
  const auto [first, end] = live;
  begin_ = all.begin;
  for (std::size_t i = first; i < end; ++i) {
    const Run& run = all.runs[i];
    segments_.push_back({all.files[run.file].start, run.end, run.from, run.to});
  }
  end_ = segments_.empty() ? 0 : segments_.back().end;
  marks_ = segments_.empty() ? Marks{} : all.runs[end - 1].marks;

  // Behind the last record: nothing, a record that was not written whole, or a file that was begun and has none yet.
  const bool dropped = end < all.runs.size();
  const std::size_t last = segments_.empty() ? 0 : all.runs[end - 1].file;
  std::size_t files_end = last + 1;
  if (!dropped) {
    const std::size_t next = segments_.empty() ? 0 : last + 1;
    if (next + 1 == all.files.size() && all.files[next].start == end_) {
      segments_.push_back({end_, end_, 0, 0});
      files_end = next + 1;
    } else {
      const bool more = next < all.files.size();
      if (more) HF_CHECK(meet(broken_behind(all, last, end_)));
      if (segments_.empty() || (all.goes_on && !more)) return tl::unexpected<Error>(part_missing(path(end_)));
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
  return put({end_, 0, begin_, marks_, {}});
}

}  // namespace holdfast::storage
