// holdfast log export|entry|proof|check-receipt|tail
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "base/file.h"
#include "base/hash.h"
#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/evidence/evidence_place.h"
#include "cli/evidence/mirror.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "evidence/formats/tree.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
using evidence::HashReader;

constexpr std::size_t kSaltBytes = 16;

struct Options {
  std::string directory, file, entry_file, payload, salt, out;
  std::uint64_t index = 0, count = 10;
  bool follow = false;
  EvidenceOptions place;
};

void warn_unless_checked(const Evidence& log) {
  if (log.key) return;
  print_warning(log.place +
                "/checkpoint: its signature was not checked, as no key of this log is known here; give --log-key KEY");
}

Result<int> export_log(const Options& options, bool as_json) {
  HF_TRY(const Evidence log, Evidence::open(options.place));
  HF_TRY(const Mirrored done, update_mirror(log, options.directory));
  if (as_json) {
    print_json(json::object{{"directory", options.directory},
                            {"entries", log.checkpoint.size},
                            {"tiles", done.tiles},
                            {"fetched", done.fetched},
                            {"bytes", done.bytes},
                            {"signed_by", log.key ? json::value(log.key->text()) : json::value(nullptr)}});
  } else {
    print_line(fmt::format("{}: {}; {} of {} new ({})", options.directory,
                           counted(log.checkpoint.size, "entry", "entries"), with_commas(done.fetched),
                           counted(done.tiles, "tile was", "tiles were"), size_text(done.bytes)));
    warn_unless_checked(log);
  }
  return exit_ok;
}

Result<int> show_entry(const Options& options) {
  HF_TRY(const Evidence log, Evidence::open(options.place));
  HF_CHECK(log.require(options.index));
  HF_TRY(const HashReader hashes, log.hashes());
  HF_TRY(const Bytes entry, log.entry(options.index, hashes));
  print_line(entry);
  warn_unless_checked(log);
  return exit_ok;
}

Result<int> show_proof(const Options& options, bool as_json) {
  HF_CHECK(require_output(options.out, {options.place.ca, options.place.log_key, options.place.log + "/checkpoint"}));
  HF_TRY(const Evidence log, Evidence::open(options.place));
  HF_CHECK(log.require(options.index));
  const evidence::Checkpoint& tree = log.checkpoint;
  HF_TRY(const HashReader hashes, log.hashes());
  HF_TRY(auto path, evidence::inclusion_proof(options.index, tree.size, hashes));
  // No proof leaves that its reader would have to refuse.
  HF_TRY(const Hash leaf, hashes(0, options.index));
  HF_CHECK(evidence::check_inclusion(leaf, options.index, tree.size, tree.root, path));
  const std::string proof = evidence::TlogProof{options.index, std::move(path), log.note, {}}.encode();
  if (!options.out.empty()) HF_CHECK(write_output(options.out, proof));
  if (as_json) {
    print_json(json::object{{"index", options.index}, {"proof", proof}});
  } else if (options.out.empty()) {
    std::fwrite(proof.data(), 1, proof.size(), stdout);
  } else {
    print_line(fmt::format("{}: proves entry {} of {}", options.out, options.index, tree.origin));
  }
  if (!as_json) warn_unless_checked(log);
  return exit_ok;
}

/// Does the entry stand for just this payload? The salt came with it, and only its recipient has both.
Result<void> check_payload(const Options& options, ByteView salt, const Bytes& entry) {
  HF_TRY(const std::string payload, read_input(options.payload));
  HF_TRY(const auto decoded, evidence::Entry::decode(entry));
  const Hash* digest = nullptr;
  if (const auto* released = std::get_if<evidence::Released>(&decoded.event)) digest = &released->digest;
  if (const auto* summed = std::get_if<evidence::AggregateReleased>(&decoded.event)) digest = &summed->digest;
  if (const auto* exported = std::get_if<evidence::SubjectExported>(&decoded.event)) digest = &exported->digest;
  if (!digest) {
    return fail(Code::invalid, "cli.receipt.payload", options.file,
                "nothing was released or exported by this receipt's entry, so no payload belongs to it");
  }
  // A line feed that a shell or editor added at the end is not part of what was released.
  std::string_view exact = payload;
  if (exact.ends_with('\n')) exact.remove_suffix(1);
  if (sha256({salt, payload}) == *digest || sha256({salt, exact}) == *digest) return {};
  return fail(Code::corrupt, "cli.receipt.digest", options.payload, "this is not what the entry says was released");
}

Result<int> check_receipt(const Options& options, bool as_json) {
  HF_TRY(const std::string text, read_input(options.file, 1u << 20));
  HF_TRY(const auto proof, of_file(evidence::TlogProof::parse(text), options.file));
  HF_TRY(const VerifierKey key, read_verifier_key(options.place.log_key));
  const auto salt = from_hex(options.salt);
  if (!options.payload.empty() && (!salt || salt->size() != kSaltBytes)) {
    return fail(Code::invalid, "cli.receipt.salt", "--salt",
                "a salt is 16 bytes, written as 32 hex digits; give it whole, as it came with the receipt");
  }
  Bytes entry;
  if (options.entry_file.empty()) {
    HF_TRY(const Evidence log, Evidence::open(options.place));
    HF_CHECK(log.require(proof.index));
    HF_TRY(const HashReader hashes, log.hashes());
    HF_TRY(entry, log.entry(proof.index, hashes));
  } else {
    HF_TRY(entry, read_input(options.entry_file, evidence::kEntryBytesMax + 1));
    if (entry.ends_with('\n')) entry.pop_back();
  }
  HF_TRY(const auto checkpoint, of_file(proof.check(entry, key), options.file));
  if (!options.payload.empty()) HF_CHECK(check_payload(options, *salt, entry));
  if (as_json) {
    print_json(json::object{{"ok", true},
                            {"index", proof.index},
                            {"origin", checkpoint.origin},
                            {"size", checkpoint.size},
                            {"entry", json::parse(entry)}});
  } else {
    print_line(entry);
    print_line(fmt::format("holds: this is entry {} of {}, under a checkpoint of {}{}", proof.index, checkpoint.origin,
                           counted(checkpoint.size, "entry", "entries"),
                           options.payload.empty() ? "" : ", and what it released is " + options.payload));
  }
  return exit_ok;
}

/// Waits for what the log may have next. False when nobody is left to read it.
bool wait_with_reader() {
  pollfd out{STDOUT_FILENO, 0, 0};
  constexpr int kPauseMs = 1000;
  return ::poll(&out, 1, kPauseMs) <= 0;  // without events asked for, only the reader's end is told
}

Result<int> tail(const Options& options) {
  EvidenceOptions place = options.place;
  std::uint64_t next = 0;
  for (bool first = true;; first = false) {
    HF_TRY(const Evidence log, Evidence::open(place));
    if (first) {
      next = log.checkpoint.size - std::min(log.checkpoint.size, options.count);
      warn_unless_checked(log);
      if (log.key) place.log_key = log.key->text();  // not looked for again
    }
    if (next < log.checkpoint.size) {
      HF_TRY(const HashReader hashes, log.hashes());
      for (; next < log.checkpoint.size; ++next) {
        HF_TRY(const Bytes entry, log.entry(next, hashes));
        print_line(entry);
      }
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return output_lost();
    if (!options.follow || !wait_with_reader()) return exit_ok;
  }
}

}  // namespace

void add_log(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* group = add_group(program, "log", "Read the evidence log: mirror it, show entries, prove them");

  CLI::App* exporting = add_command(*group, session, "export", "Mirror the log as plain files (C2SP tlog-tiles)",
                                    "  holdfast log export ./mirror --log https://hf.example/log\n"
                                    "  holdfast log export /var/www/log --dir /srv/holdfast",
                                    [&session, options] { return export_log(*options, session.json); });
  exporting->add_option("DIR", options->directory, "Folder; an older mirror there is brought up to date")->required();
  add_evidence_options(*exporting, options->place);
  add_log_key_option(*exporting, options->place);

  CLI::App* entry = add_command(*group, session, "entry", "One entry, as it stands in the log",
                                "  holdfast log entry 0 --dir /srv/holdfast | jq .\n"
                                "  holdfast log entry 1207 --log ./mirror",
                                [options] { return show_entry(*options); });
  entry->add_option("N", options->index, "Its index, from 0")->required()->check(whole_number());
  add_evidence_options(*entry, options->place);
  add_log_key_option(*entry, options->place);

  CLI::App* proof = add_command(*group, session, "proof", "Proof that an entry is in the log (C2SP tlog-proof)",
                                "  holdfast log proof 1207 -o 1207.tlog-proof\n"
                                "  holdfast log proof 0 --log ./mirror",
                                [&session, options] { return show_proof(*options, session.json); });
  proof->add_option("N", options->index, "The entry's index, from 0")->required()->check(whole_number());
  proof->add_option("--output,-o", options->out, "Write it to this file");
  add_evidence_options(*proof, options->place);
  add_log_key_option(*proof, options->place);

  CLI::App* checking = add_command(
      *group, session, "check-receipt", "Check a receipt: is its entry in the log, and does it stand for this payload?",
      "  holdfast log check-receipt 1207.tlog-proof --log-key log.vkey --log ./mirror\n"
      "  holdfast log check-receipt 1207.tlog-proof --log-key log.vkey --payload answer.json --salt 9f0c…",
      [&session, options] { return check_receipt(*options, session.json); });
  checking->add_option("FILE", options->file, "A .tlog-proof")->required();
  checking->add_option("--log-key", options->place.log_key, "The log's public key, a file or the key itself")
      ->required();
  checking->add_option("--entry", options->entry_file, "The entry's bytes (default: read from the log)");
  auto* payload = checking->add_option("--payload", options->payload, "What was released, as it came");
  auto* salt = checking->add_option("--salt", options->salt, "The salt that came with it, hex");
  payload->needs(salt);
  add_evidence_options(*checking, options->place);

  CLI::App* tailing = add_command(*group, session, "tail", "The newest entries, one JSON object a line",
                                  "  holdfast log tail --dir /srv/holdfast\n"
                                  "  holdfast log tail -n 0 --follow --log https://hf.example/log | jq .kind",
                                  [options] { return tail(*options); });
  tailing->add_option("--count,-n", options->count, "How many")->check(whole_number())->capture_default_str();
  tailing->add_flag("--follow,-f", options->follow, "Go on with what comes");
  add_evidence_options(*tailing, options->place);
  add_log_key_option(*tailing, options->place);
}

}  // namespace holdfast::cli
