#pragma once

// The embedded engine's inside.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/disk.h"
#include "storage/file_list.h"
#include "storage/journal/segment.h"

namespace holdfast::storage {

/// One journal in files of its own, `<folder>/<name>.<number of the first entry>`, where a '/' of the name is a '+'. An
/// append is one write past the page cache that is its own sync (O_DIRECT, O_DSYNC): nothing reads it again soon, and
/// what is trimmed is a file less. Callers take turns, but for trim(). After a write that failed, none follows: what of
/// it is on disk, the next start finds out.
class Journal {
  /// A file, or the part of it that is not trimmed or damaged.
  struct Segment {
    std::uint64_t start = 0;  ///< number of the file's first entry
    std::uint64_t end = 0;    ///< behind its last
    std::size_t from = 0;     ///< where its records begin, but for damage in what is trimmed 0
    std::size_t size = 0;     ///< where they end: whole blocks
  };

 public:
  struct Options {
    bool read_only = false;     ///< changes and makes no file
    bool drop_damaged = false;  ///< goes on with what precedes damage; read_only too: says what would be left
  };
  static constexpr std::size_t kDigits = 20;  ///< of a file's number
  static constexpr std::size_t kFileBytesMax = 1u << 30;
  using Visit = std::function<bool(std::uint64_t position, std::uint32_t count, ByteView packed)>;
  using ByName = std::map<std::string, std::unique_ptr<Journal>, std::less<>>;

  /// Those of `folder`, which is made if need be. Reads all that is there against its checksums, and cuts a torn end
  /// off; damage in what is trimmed is none. Errors: corrupt "storage.corrupt" (names the file), not_found
  /// "storage.part.missing" (a file; read_only, the folder), unavailable.
  static Result<ByName> open_all(const std::string& folder, Options options);
  /// Is there a file in `folder`, which may not be made yet, of each journal that `list`, the one of the part that it
  /// lies in, says was begun? For before the store is opened; changes nothing. Errors: not_found "storage.part.missing"
  /// (the folder, or a journal's files), unavailable.
  static Result<void> require_begun(const std::string& folder, const FileList& list);

  /// Of all of a journal's files, as the list of the part that they lie in names it, and an error.
  static std::string all_files(std::string_view name);

  Journal(std::string folder, std::string name, Options options);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// `position` is end(). Takes away what was trimmed. Errors: unavailable "storage.disk.full", "storage.io".
  Result<void> append(std::uint64_t position, std::uint32_t count, ByteView packed, const Marks& marks);
  /// Of the newest record; zeros where there is none.
  const Marks& marks() const { return marks_; }
  /// With drop_damaged: what it was opened in spite of.
  const std::optional<Error>& met() const { return met_; }
  /// Has the newest record be one of these marks, if there is any. Errors: as append.
  Result<void> mark(const Marks& marks);
  std::uint64_t end() const { return end_; }
  /// As Store::trim. From any thread.
  void trim(std::uint64_t position);
  /// As Store::health.
  Result<void> health() const;

  /// What there is at one moment. While it lives, nothing is trimmed; it is read without taking turns.
  class Held {
   public:
    /// As Store::read.
    Result<void> read(std::uint64_t from, const Visit& visit) const;
    /// Copies the files into `folder`, each as long as it is now, and syncs them. Errors: corrupt "storage.corrupt"
    /// (names the file, not its copy), unavailable.
    Result<void> copy_to(const std::string& folder) const;
    std::uint64_t end() const { return parts_.empty() ? 0 : parts_.back().segment.end; }

   private:
    friend class Journal;
    struct Part {
      std::string path;
      Segment segment;
    };
    static Result<void> visit(const Part& part, ByteView bytes, const std::function<bool(const SegmentRecord&)>& visit);
    std::shared_ptr<void> hold_;
    std::uint64_t begin_ = 0;
    std::vector<Part> parts_;
  };
  Held hold() const;

 private:
  static Result<void> note_begun(const std::string& folder, const std::vector<std::string>& names);
  std::string path(std::uint64_t start) const;
  struct Run;
  struct Scanned;
  Result<Scanned> scan(const std::vector<std::uint64_t>& starts) const;
  Result<std::pair<std::size_t, std::size_t>> live_runs(Scanned& all);
  Result<void> load(const std::vector<std::uint64_t>& starts, bool begun);
  Result<void> check_end(const Scanned& all, bool begun) const;
  Result<void> meet(Error damage);
  Error broken_before(const Scanned& all, std::size_t run) const;
  Error broken_behind(const Scanned& all, std::size_t file, std::uint64_t number) const;
  Result<void> write_record(const SegmentRecord& record);
  Result<void> begin_segment();
  Result<void> open_last();
  Result<void> clear_behind_last();
  Result<void> put(const SegmentRecord& record);
  Result<void> zero_ahead(std::size_t size);
  void remove_trimmed();

  const std::string folder_, name_;
  const Options options_;
  std::deque<Segment> segments_;
  std::uint64_t begin_ = 0, end_ = 0;
  Marks marks_{};
  std::optional<Error> met_;
  std::atomic<std::uint64_t> trim_to_ = 0;
  std::atomic<bool> failed_ = false;
  std::shared_ptr<int> hold_ = std::make_shared<int>();  ///< what a Held has too

  DirectFile file_;         ///< the last segment's, once something is appended
  std::size_t zeroed_ = 0;  ///< its size
  Blocks blocks_;           ///< for a record
  std::size_t blocks_size_ = 0;
};

}  // namespace holdfast::storage
