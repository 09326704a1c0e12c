// What a journal's files hold, and where it goes on.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/journal.h"
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

}  // namespace

Result<Journal::ByName> Journal::open_all(const std::string& folder, Options options) {
  std::error_code error;
  if (options.read_only && !fs::exists(folder, error)) {
    return tl::unexpected<Error>(part_missing(folder));
  }
  if (!options.read_only && fs::create_directory(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, error);
    HF_CHECK(sync(fs::path(folder).parent_path().string()));
  }
  std::map<std::string, std::vector<std::uint64_t>> starts;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto name = parse(it->path().filename().string());
    if (name) starts[name->journal].push_back(name->start);
  }
  if (error) return tl::unexpected<Error>(disk_error(error.value(), folder));
  ByName out;
  for (auto& [name, numbers] : starts) {
    auto journal = std::make_unique<Journal>(folder, name, options);
    std::ranges::sort(numbers);
    HF_CHECK(journal->load(numbers));
    out.emplace(name, std::move(journal));
  }
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
    if (!bytes) return fail(Code::unavailable, "storage.io", path(start), bytes.error().what);
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

Result<void> Journal::load(const std::vector<std::uint64_t>& starts) {
  HF_TRY(Scanned all, scan(starts));
  const bool damaged_end = all.files.back().ending == SegmentReader::End::damaged;
  if (damaged_end && !options_.drop_damaged) return tl::unexpected<Error>(damage(path(all.files.back().start)));
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
    const std::size_t begun = segments_.empty() ? 0 : last + 1;
    if (begun + 1 == all.files.size() && all.files[begun].start == end_) {
      segments_.push_back({end_, end_, 0, 0});
      files_end = begun + 1;
    } else if (begun < all.files.size() && !options_.drop_damaged) {
      return tl::unexpected<Error>(broken_behind(all, last, end_));
    } else if (segments_.empty() || (all.goes_on && begun == all.files.size())) {
      return tl::unexpected<Error>(part_missing(path(end_)));
    }
  }
  if (options_.read_only) return {};
  for (std::size_t i = 0; i < all.files.size(); ++i) {
    if (all.files[i].start < segments_.front().start || i >= files_end) ::unlink(path(all.files[i].start).c_str());
  }
  HF_CHECK(open_last());  // which cuts what is behind its last record
  // What is left may say that the journal begins earlier than it does.
  if (dropped || begin_ != said) HF_CHECK(put({end_, 0, begin_, {}}));
  close_last();
  return {};
}

}  // namespace holdfast::storage
