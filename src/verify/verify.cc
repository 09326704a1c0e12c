#include "verify/verify.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "verify/auditor.h"
#include "verify/pipeline.h"

namespace holdfast::verify {

using evidence::Checkpoint;
using evidence::kTileWidth;

namespace {

constexpr std::size_t kCheckpointBytesMax = 64u << 10;

Result<std::string> read_checkpoint(Source& source) {
  auto fetched = source.get("checkpoint", kCheckpointBytesMax);
  if (fetched || fetched.error().code != Code::not_found) return fetched;
  return fail(Code::unavailable, "verify.checkpoint.missing", fetched.error().where,
              "there is no checkpoint, so this is no log; check that the URL or directory is the log's prefix");
}

/// A checkpoint file, or the checkpoint of a log elsewhere.
Result<std::string> read_other_checkpoint(const std::string& place, const fetch::HttpOptions& http) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(place, ignored)) return read_file(place, kCheckpointBytesMax);
  HF_TRY(const auto source, Source::open(place, http));
  return read_checkpoint(*source);
}

/// The log's first entry, nothing when it is nowhere. Where the bundle of this size is missing it is looked for under
/// every other width: the size may be what is not true, and only the key that the entry leads to can tell.
Result<std::optional<evidence::Entry>> first_entry(Source& source, std::uint64_t size) {
  HF_TRY(Bundle bundle, fetch_bundle(source, 0, static_cast<std::uint16_t>(std::min(size, kTileWidth))));
  if (bundle.slots[0].entry) return std::move(bundle.slots[0].entry);
  for (std::uint16_t width = kTileWidth; width > 0; --width) {
    const auto bytes = source.get(evidence::TileId{true, 0, 0, width}.path(), evidence::kBundleBytesMax);
    if (!bytes && bytes.error().code == Code::not_found) continue;
    HF_CHECK(bytes);
    const auto entries = evidence::split_bundle(*bytes, width);
    if (!entries) continue;
    if (auto entry = evidence::Entry::decode(entries->front())) return *std::move(entry);
  }
  return std::nullopt;
}

/// The log's key as the first agreement pins it. Sound before the log is checked, since the parties' signatures stand
/// under the agreement, and wherever a signed agreement came from it says the same.
Result<VerifierKey> pinned_key(Source& source, std::uint64_t size, const Options& options) {
  const auto unknown = [&options](std::string what) {
    return fail(Code::invalid, "verify.log-key.unknown", options.log, what + "; give the log's public key (--log-key)");
  };
  if (size == 0) return unknown("the log is empty, so no agreement names its key");
  HF_TRY(const auto first, first_entry(source, size));
  if (!first) return unknown("the log's first entry, which should name its key, is not there");
  ledger::Ledger ledger(documents_of(source), options.parties);
  HF_CHECK(ledger.admit(*first));
  ledger.apply(0, *first);
  if (!ledger.plan()->log) return unknown("the agreement does not name the log's key");
  return *ledger.plan()->log;
}

unsigned threads_for(const Options& options, const Source& source) {
  if (options.threads > 0) return std::min(options.threads, 64u);
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  return source.is_remote() ? std::max(4u, 2 * cores) : cores;  // remote: some of them wait for answers
}

/// A log may sign any size, and would be asked for ever for what it does not serve.
constexpr std::size_t kUnservedMax = 1000;

Result<void> audit_entries(const Options& options, Source& source, Auditor& auditor, const Report& report) {
  const std::uint64_t size = report.checkpoint.size;
  const std::uint64_t first = report.from / kTileWidth, end = size / kTileWidth + (size % kTileWidth != 0 ? 1 : 0);
  if (size <= report.from) return {};
  Pipeline pipeline(threads_for(options, source), first, end, [&source, size](std::uint64_t number) {
    const auto width = static_cast<std::uint16_t>(std::min(size - number * kTileWidth, kTileWidth));
    return fetch_bundle(source, number, width);
  });
  std::size_t unserved = 0;  // in a row
  for (std::uint64_t number = first; number < end; ++number) {
    HF_TRY(const Bundle bundle, pipeline.next());
    HF_CHECK(auditor.take(bundle));
    unserved = bundle.served ? 0 : unserved + 1;
    if (unserved == kUnservedMax) {
      auditor.give_up((number + 1) * kTileWidth);
      return {};
    }
    if (options.progress) {
      options.progress(
          {std::min(size, (number + 1) * kTileWidth) - report.from, size - report.from, report.findings_total});
    }
  }
  return {};
}

/// A run, from the first fetch to the verdict.
struct Run {
  const Options& options;
  Source& source;
  Report report;
  std::optional<Memory> memory;
  std::vector<std::pair<std::string, std::string>> others;  // holder and checkpoint note
  std::string note;
  VerifierKey key;

  /// Answers false when the run ends here, with its verdict in the report.
  Result<bool> open();
  Result<void> audit();

 private:
  bool give_up(const Error& error, Verdict verdict, std::optional<std::uint64_t> index = {}) {
    report.verdict = verdict;
    report.examined = false;
    report.findings_total = 1;
    report.findings.push_back(
        {std::string(error.slug), index, error.where.empty() ? error.what : error.where + ": " + error.what});
    return false;
  }
};

Result<bool> Run::open() {
  if (!options.state_file.empty()) {
    HF_TRY(memory, Memory::load(options.state_file));
  }
  // The others' first: what they have seen, this log must show by now.
  for (const std::string& place : options.also) {
    HF_TRY(std::string other, read_other_checkpoint(place, options.http));
    others.emplace_back(place, std::move(other));
  }
  const std::string place = (std::filesystem::path(options.log) / "checkpoint").string();
  HF_TRY(note, read_checkpoint(source));
  if (options.log_key) {
    key = *options.log_key;
  } else if (memory) {
    key = memory->log_key;
  } else {
    const auto parsed = Note::parse(note);
    auto unproven = parsed ? Checkpoint::parse(parsed->text) : tl::unexpected<Error>(parsed.error());
    if (!unproven) {
      unproven.error().where = place;
      if (unproven.error().code == Code::corrupt) return give_up(unproven.error(), Verdict::violations);
      return tl::unexpected<Error>(std::move(unproven).error());
    }
    auto pinned = pinned_key(source, unproven->size, options);
    if (!pinned) {
      const Error& error = pinned.error();
      if (error.code == Code::refused || error.code == Code::corrupt || error.slug.starts_with("agreement.")) {
        return give_up(error, Verdict::violations, 0);
      }
      return tl::unexpected(std::move(pinned).error());
    }
    key = *std::move(pinned);
  }
  if (memory && memory->log_key != key) {
    return fail(Code::invalid, "verify.state.other", options.state_file,
                "this state file is about a log with another key; name another file for this log");
  }
  auto checkpoint = evidence::open_checkpoint(note, key);
  if (!checkpoint) {
    return give_up({Code::corrupt, "evidence.checkpoint.signature", place,
                    "the checkpoint does not carry the log's signature: " + checkpoint.error().what, 0},
                   Verdict::inconsistent);
  }
  report.checkpoint = *std::move(checkpoint);
  report.log_key = key.text();
  return true;
}

Result<void> Run::audit() {
  Auditor auditor(options, source, key, report);
  if (memory) {
    HF_TRY(const Checkpoint old, evidence::open_checkpoint(memory->checkpoint, key));
    HF_CHECK(auditor.extends(old, "the state file"));
  }
  for (const auto& [holder, other_note] : others) {
    auto other = evidence::open_checkpoint(other_note, key);
    if (!other) {
      return fail(Code::invalid, "verify.also.unsigned", holder,
                  "this checkpoint is not signed by the log's key, so it says nothing of this log; give another "
                  "holder's checkpoint or copy of the same log");
    }
    HF_CHECK(auditor.extends(*other, "'" + holder + "'"));
  }
  if (report.verdict == Verdict::inconsistent) return {};
  if (memory && memory->parties == parties_digest(options.parties)) {
    if (auto resumed = auditor.resume(*memory); !resumed) {
      if (resumed.error().code == Code::unavailable) return resumed;
      auditor.find(resumed.error().slug, {}, resumed.error().what);
      return {};
    }
  }
  HF_CHECK(audit_entries(options, source, auditor, report));
  HF_CHECK(auditor.finish());
  if (report.findings_total > 0 || options.state_file.empty()) return {};
  return auditor.memory(note).save(options.state_file);
}

}  // namespace

Result<Report> verify(const Options& options) {
  if (options.parties.empty()) {
    return fail(Code::invalid, "verify.parties.none", "",
                "no party's public key was given; without them nobody can tell who signed the agreement");
  }
  const auto start = std::chrono::steady_clock::now();
  HF_TRY(const auto source, Source::open(options.log, options.http));
  Run run{options, *source, {}, {}, {}, {}, {}};
  HF_TRY(const bool opened, run.open());
  if (opened) HF_CHECK(run.audit());
  run.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(run.report);
}

}  // namespace holdfast::verify
