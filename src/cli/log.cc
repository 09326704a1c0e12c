// holdfast log export|entry|proof|check-receipt|tail
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "agreement/agreement.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/command.h"
#include "cli/evidence_place.h"
#include "cli/progress.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "evidence/formats/tree.h"
#include "ledger/ledger.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using evidence::TileId;
using ledger::DocumentKind;

struct Options {
  std::string directory, file, log_key, entry_file, payload, salt, out;
  std::uint64_t index = 0, count = 10;
  bool follow = false;
  EvidenceOptions place;
};

std::size_t bytes_max_of(const TileId& id) {
  return id.entries ? evidence::kBundleBytesMax : std::size_t{id.width} * Hash::kSize;
}

/// Of its tree, as its tiles are served. Borrows `log`.
evidence::HashReader hashes_of(const Evidence& log) {
  return evidence::read_hashes(log.checkpoint.size,
                               [&log](const TileId& id) { return log.source->get(id.path(), bytes_max_of(id)); });
}

/// Writes a file of the mirror, its folders made; what stands there already is kept, as tiles never change.
Result<void> write_tile(const fs::path& path, const Bytes& bytes) {
  std::error_code wrong;
  fs::create_directories(path.parent_path(), wrong);
  if (wrong)
    return fail(Code::unavailable, "cli.log.directory", path.parent_path(), "cannot be made: " + wrong.message());
  return write_file(path, bytes);
}

/// A document that lies beside the log, and in the mirror already or not.
Result<void> export_document(const Evidence& log, const fs::path& to, DocumentKind kind, const Hash& hash) {
  const std::string path = ledger::document_path(kind, hash);
  if (fs::exists(to / path)) return {};
  HF_TRY(const Bytes document, log.source->get(path, kNoteBytesMax));
  if (const auto note = Note::parse(document); note && kind == DocumentKind::agreement) {
    for (const agreement::PackReference& pack : agreement::packs_of(note->text)) {
      if (pack.hash) HF_CHECK(export_document(log, to, kind, *pack.hash));
    }
  }
  return write_tile(to / path, document);  // last: it promises its rule packs
}

/// The agreements and statements that the entries of a bundle name lie beside the log; they go along.
Result<void> export_documents(const Evidence& log, const fs::path& to, const Bytes& bundle, const TileId& id) {
  if (bundle.find("agreement.adopted") == Bytes::npos && bundle.find("\"statement\":") == Bytes::npos) return {};
  HF_TRY(const auto entries, evidence::split_bundle(bundle, id.width));
  for (const ByteView raw : entries) {
    const auto entry = evidence::Entry::decode(raw);
    if (!entry) continue;
    if (const auto* adopted = std::get_if<evidence::AgreementAdopted>(&entry->event)) {
      HF_CHECK(export_document(log, to, DocumentKind::agreement, adopted->document));
    } else if (const auto* submitted = std::get_if<evidence::ModuleSubmitted>(&entry->event)) {
      HF_CHECK(export_document(log, to, DocumentKind::statement, submitted->statement));
    } else if (const auto* released = std::get_if<evidence::ModuleReleased>(&entry->event)) {
      HF_CHECK(export_document(log, to, DocumentKind::statement, released->statement));
    }
  }
  return {};
}

/// What a mirror has is proof of what the log was: it is never replaced by what does not go on from there.
Result<void> require_continuation(const Evidence& log, const fs::path& to) {
  const std::string path = (to / "checkpoint").string();
  const auto kept = read_file(path);
  if (!kept && kept.error().code == Code::not_found) return {};
  HF_TRY(const std::string text, kept);
  HF_TRY(const Note note, Note::parse(text));
  HF_TRY(const evidence::Checkpoint old, evidence::Checkpoint::parse(note.text));
  const evidence::Checkpoint& now = log.checkpoint;
  const auto other = [&](std::string_view slug, const std::string& what) {
    return fail(
        Code::corrupt, slug, path,
        fmt::format("this mirror is of '{}' at {} entries, root {}; the log that is served is '{}' at {}, root {}: {}. "
                    "Nothing was changed; keep this mirror, it is proof",
                    old.origin, old.size, to_base64(old.root.view()), now.origin, now.size, to_base64(now.root.view()),
                    what));
  };
  if (old.origin != now.origin) return other("evidence.log.other", "it is another log");
  if (old.size > now.size)
    return other("evidence.rollback", "the later entries were taken back, or this server is behind");
  if (old.size == now.size && old.root != now.root) return other("evidence.split-view", "it is another history");
  if (old.size == 0 || old.size == now.size) return {};
  HF_TRY(const auto proof, evidence::consistency_proof(old.size, now.size, hashes_of(log)));
  if (evidence::check_consistency(old.size, old.root, now.size, now.root, proof)) return {};
  return other("evidence.split-view", "it is no continuation");
}

Result<int> export_log(const Options& options, bool as_json) {
  HF_TRY(const Evidence log, Evidence::open(options.place));
  const fs::path to = options.directory;
  HF_CHECK(require_continuation(log, to));
  const auto tiles = evidence::tiles_of(log.checkpoint.size);
  Progress progress("log export", "tiles", tiles.size());
  std::uint64_t fetched = 0, bytes = 0, done = 0;
  for (const TileId& id : tiles) {
    progress.update(done, done);
    ++done;
    const fs::path path = to / id.path();
    if (fs::exists(path)) continue;
    HF_TRY(const Bytes content, log.source->get(id.path(), bytes_max_of(id)));
    // The documents first: a bundle that is there is not looked at again.
    if (id.entries) HF_CHECK(export_documents(log, to, content, id));
    HF_CHECK(write_tile(path, content));
    ++fetched;
    bytes += content.size();
    // Partial tiles of earlier mirrors are not needed beside the full one.
    std::error_code ignored;
    if (id.width == evidence::kTileWidth) fs::remove_all(path.string() + ".p", ignored);
  }
  HF_CHECK(write_tile(to / "checkpoint", log.note));  // last: it promises all the rest
  if (as_json) {
    print_json(json::object{{"directory", options.directory},
                            {"entries", log.checkpoint.size},
                            {"tiles", tiles.size()},
                            {"fetched", fetched},
                            {"bytes", bytes}});
  } else {
    print_line(fmt::format("{}: {} entries; {} of {} tiles were new ({})", options.directory,
                           with_commas(log.checkpoint.size), with_commas(fetched), with_commas(tiles.size()),
                           size_text(bytes)));
  }
  return exit_ok;
}

Result<int> show_entry(const Options& options) {
  HF_TRY(const Evidence log, Evidence::open(options.place));
  HF_TRY(const Bytes entry, log.entry(options.index));
  print_line(entry);
  return exit_ok;
}

Result<int> show_proof(const Options& options, bool as_json) {
  HF_TRY(const Evidence log, Evidence::open(options.place));
  HF_CHECK(log.require(options.index));
  HF_TRY(auto hashes, evidence::inclusion_proof(options.index, log.checkpoint.size, hashes_of(log)));
  const std::string proof = evidence::TlogProof{options.index, std::move(hashes), log.note, {}}.encode();
  if (!options.out.empty()) HF_CHECK(write_file(options.out, proof));
  if (as_json) {
    print_json(json::object{{"index", options.index}, {"proof", proof}});
  } else if (options.out.empty()) {
    std::fwrite(proof.data(), 1, proof.size(), stdout);
  } else {
    print_line(fmt::format("{}: proves entry {} of {}", options.out, options.index, log.checkpoint.origin));
  }
  return exit_ok;
}

/// Does the entry stand for just this payload? The salt came with it, and only its recipient has both.
Result<void> check_payload(const Options& options, const Bytes& entry) {
  HF_TRY(const std::string payload, read_file(options.payload));
  const auto salt = from_hex(options.salt);
  HF_TRY(const auto decoded, evidence::Entry::decode(entry));
  const Hash* digest = nullptr;
  if (const auto* released = std::get_if<evidence::Released>(&decoded.event)) digest = &released->digest;
  if (const auto* summed = std::get_if<evidence::AggregateReleased>(&decoded.event)) digest = &summed->digest;
  if (const auto* exported = std::get_if<evidence::SubjectExported>(&decoded.event)) digest = &exported->digest;
  if (!salt || !digest) {
    return fail(Code::invalid, "cli.receipt.payload", "",
                "give --salt as hex, and a receipt of something released or exported");
  }
  // A line feed that a shell or editor added at the end is not part of what was released.
  std::string_view exact = payload;
  if (exact.ends_with('\n')) exact.remove_suffix(1);
  if (sha256({*salt, payload}) == *digest || sha256({*salt, exact}) == *digest) return {};
  return fail(Code::corrupt, "cli.receipt.digest", options.payload, "this is not what the entry says was released");
}

Result<int> check_receipt(const Options& options, bool as_json) {
  HF_TRY(const std::string text, read_file(options.file, 1u << 20));
  HF_TRY(const auto proof, evidence::TlogProof::parse(text));
  HF_TRY(const VerifierKey key, read_verifier_key(options.log_key));
  Bytes entry;
  if (options.entry_file.empty()) {
    HF_TRY(const Evidence log, Evidence::open(options.place));
    HF_TRY(entry, log.entry(proof.index));
  } else {
    HF_TRY(entry, read_file(options.entry_file, evidence::kEntryBytesMax + 1));
    if (entry.ends_with('\n')) entry.pop_back();
  }
  HF_TRY(const auto checkpoint, proof.check(entry, key));
  if (!options.payload.empty()) HF_CHECK(check_payload(options, entry));
  if (as_json) {
    print_json(json::object{{"ok", true},
                            {"index", proof.index},
                            {"origin", checkpoint.origin},
                            {"size", checkpoint.size},
                            {"entry", json::parse(entry)}});
  } else {
    print_line(entry);
    print_line(fmt::format("holds: this is entry {} of {}, under a checkpoint of {} entries{}", proof.index,
                           checkpoint.origin, with_commas(checkpoint.size),
                           options.payload.empty() ? "" : ", and what it released is " + options.payload));
  }
  return exit_ok;
}

Result<int> tail(const Options& options) {
  std::uint64_t next = 0;
  for (bool first = true;; first = false) {
    HF_TRY(const Evidence log, Evidence::open(options.place));
    if (first) next = log.checkpoint.size - std::min(log.checkpoint.size, options.count);
    for (; next < log.checkpoint.size; ++next) {
      HF_TRY(const Bytes entry, log.entry(next));
      print_line(entry);
    }
    std::fflush(stdout);
    if (!options.follow) return exit_ok;
    std::this_thread::sleep_for(std::chrono::seconds(1));
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

  CLI::App* entry = add_command(*group, session, "entry", "One entry, as it stands in the log",
                                "  holdfast log entry 0 --dir /srv/holdfast | jq .\n"
                                "  holdfast log entry 1207 --log ./mirror",
                                [options] { return show_entry(*options); });
  entry->add_option("N", options->index, "Its index, from 0")->required()->check(whole_number());
  add_evidence_options(*entry, options->place);

  CLI::App* proof = add_command(*group, session, "proof", "Proof that an entry is in the log (C2SP tlog-proof)",
                                "  holdfast log proof 1207 -o 1207.tlog-proof\n"
                                "  holdfast log proof 0 --log ./mirror",
                                [&session, options] { return show_proof(*options, session.json); });
  proof->add_option("N", options->index, "The entry's index, from 0")->required()->check(whole_number());
  proof->add_option("--output,-o", options->out, "Write it to this file");
  add_evidence_options(*proof, options->place);

  CLI::App* checking = add_command(
      *group, session, "check-receipt", "Check a receipt: is its entry in the log, and does it stand for this payload?",
      "  holdfast log check-receipt 1207.tlog-proof --log-key log.vkey --log ./mirror\n"
      "  holdfast log check-receipt 1207.tlog-proof --log-key log.vkey --payload answer.json --salt 9f0c…",
      [&session, options] { return check_receipt(*options, session.json); });
  checking->add_option("FILE", options->file, "A .tlog-proof")->required();
  checking->add_option("--log-key", options->log_key, "The log's public key, a file or the key itself")->required();
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
}

}  // namespace holdfast::cli
