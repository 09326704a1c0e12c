#include "verify/auditor.h"

#include <algorithm>

namespace holdfast::verify {

using evidence::kTileWidth;
using evidence::TileId;

namespace {

/// The log was asked and could not answer: no finding, the run must end.
bool is_outage(const Error& error) { return error.code != Code::not_found && error.code != Code::corrupt; }

std::string span_of(std::uint64_t first, std::uint64_t last) {
  return first == last ? "entry " + std::to_string(first)
                       : "entries " + std::to_string(first) + " to " + std::to_string(last);
}

}  // namespace

ledger::DocumentReader documents_of(Source& source) {
  return [&source](ledger::DocumentKind kind, const Hash& hash) {
    return source.get(ledger::document_path(kind, hash), kNoteBytesMax);
  };
}

Auditor::Auditor(const Options& options, Source& source, const VerifierKey& log_key, Report& report)
    : options_(options),
      source_(source),
      log_key_(log_key),
      report_(report),
      served_(evidence::read_hashes(report.checkpoint.size,
                                    [&source](const TileId& id) -> Result<Bytes> {
                                      HF_TRY(const std::vector<Hash> hashes, fetch_tile(source, id));
                                      Bytes out;
                                      for (const Hash& hash : hashes) out += hash.view();
                                      return out;
                                    })),
      ledger_(documents_of(source), options.parties) {}

Result<void> Auditor::resume(const Memory& memory) {
  HF_TRY(ledger_, ledger::Ledger::restore(memory.ledger, documents_of(source_), options_.parties));
  tree_ = memory.tree;
  report_.kinds = memory.kinds;
  report_.newest_at = memory.newest_at;
  report_.from = tree_.size();
  return {};
}

void Auditor::find(std::string_view slug, std::optional<std::uint64_t> index, std::string text, Verdict verdict) {
  report_.verdict = std::max(report_.verdict, verdict);
  if (++report_.findings_total <= options_.findings_max) {
    report_.findings.push_back({std::string(slug), index, std::move(text)});
  }
}

Result<void> Auditor::extends(const evidence::Checkpoint& old, std::string_view holder) {
  const evidence::Checkpoint& now = report_.checkpoint;
  const std::string sizes =
      std::string(holder) + " has a checkpoint of size " + std::to_string(old.size) + ", signed by the log";
  if (old.size > now.size) {
    find("evidence.rollback", {},
         sizes + "; the log now shows " + std::to_string(now.size) + " entries: the later ones were taken back" +
             (source_.is_remote() ? "" : ", or this copy is older: bring it up to date and verify it again"),
         Verdict::inconsistent);
    return {};
  }
  if (old.size == 0 || (old.size == now.size && old.root == now.root)) return {};
  if (old.size == now.size) {
    find("evidence.split-view", {}, sizes + "; the log shows another root for the same size", Verdict::inconsistent);
    return {};
  }
  auto proof = evidence::consistency_proof(old.size, now.size, served_);
  if (!proof && is_outage(proof.error())) return tl::unexpected(std::move(proof).error());
  if (proof && evidence::check_consistency(old.size, old.root, now.size, now.root, *proof)) return {};
  // With tiles that lead to the signed root, it is the history that differs. With damaged ones nothing can be said yet.
  const auto served_root = evidence::root_of(now.size, served_);
  if (served_root && *served_root == now.root) {
    find("evidence.split-view", {}, sizes + "; the log's present history is not a continuation of it",
         Verdict::inconsistent);
  } else {
    find("evidence.root.wrong", {},
         "the tiles served do not lead to the signed root, so the checkpoint that " + std::string(holder) +
             " has cannot be joined to it",
         Verdict::inconsistent);
  }
  return {};
}

bool Auditor::leads_to_root(std::span<const Hash> leaves) const {
  TileTree tried = tree_;
  const auto offset = static_cast<std::size_t>(tree_.size() % kTileWidth);
  for (const Hash& leaf : leaves.subspan(offset)) tried.append(leaf, [](const TileId&, std::span<const Hash>) {});
  return tried.root() == report_.checkpoint.root;
}

/// Tile and entries disagree: which of them does the tree above vouch for?
Auditor::Truth Auditor::settle(const Bundle& bundle) {
  const bool agreed = !bundle.tile.empty() && bundle.complete() && bundle.tile == bundle.hashes;
  if (agreed) return Truth::tile;
  if (bundle.tile.empty()) return bundle.complete() ? Truth::entries : Truth::unknown;
  if (!bundle.complete()) return Truth::tile;
  if (bundle.id.width < kTileWidth) {
    return tree_whole_ && !leads_to_root(bundle.tile) && leads_to_root(bundle.hashes) ? Truth::entries : Truth::tile;
  }
  const auto above = served_(8, bundle.id.number);
  if (!above) return Truth::tile;
  const bool entries_hold = evidence::complete_root(bundle.hashes) == *above;
  return entries_hold && evidence::complete_root(bundle.tile) != *above ? Truth::entries : Truth::tile;
}

void Auditor::compare_tile(const TileId& id, std::span<const Hash> hashes) {
  const auto served = fetch_tile(source_, id);
  if (!served && is_outage(served.error())) {
    stopped_ = served.error();
  } else if (!served) {
    find(served.error().code == Code::not_found ? "evidence.tile.missing" : "evidence.tile.forged", {},
         id.path() + ": " + served.error().what);
  } else if (!std::equal(hashes.begin(), hashes.end(), served->begin(), served->end())) {
    find("evidence.tile.forged", {}, id.path() + " does not hold the hashes of the tiles beneath it");
  }
}

TileTree::Finished Auditor::comparing() {
  return [this](const TileId& id, std::span<const Hash> hashes) {
    if (id.level > 0) compare_tile(id, hashes);
  };
}

void Auditor::grow(const Bundle& bundle, Truth truth) {
  if (!tree_whole_) return;
  const auto offset = static_cast<std::size_t>(tree_.size() % kTileWidth);
  if (truth == Truth::unknown) {
    const bool full = bundle.id.width == kTileWidth && offset == 0;
    if (const auto above = served_(8, bundle.id.number); full && above) {
      tree_.append_tile(*above, comparing());
    } else {
      tree_whole_ = false;
    }
    return;
  }
  const std::span<const Hash> leaves = truth == Truth::tile ? bundle.tile : bundle.hashes;
  const auto known = tree_.edge(0);
  if (!std::equal(known.begin(), known.end(), leaves.begin())) {
    find("evidence.tile.forged", {}, bundle.id.path() + " differs from what an earlier run verified");
  }
  for (const Hash& leaf : leaves.subspan(offset)) tree_.append(leaf, comparing());
}

void Auditor::name_missing(const Bundle& bundle, std::size_t from, std::size_t to) {
  const std::uint64_t first = bundle.first() + from, last = bundle.first() + to - 1;
  const std::string why = bundle.served ? " not in the bundle that is served" : ": the bundle is not served";
  find("evidence.entry.missing", first, span_of(first, last) + why);
}

void Auditor::name_slots(const Bundle& bundle, Truth truth) {
  if (bundle.tile.empty()) find("evidence.tile.missing", {}, bundle.id.path() + " is not served, or not with its size");
  if (!bundle.tile.empty() && truth == Truth::entries) {
    find("evidence.tile.forged", {}, bundle.id.path() + " does not hold the hashes of its entries; the tree does");
  }
  for (std::size_t i = 0; i < bundle.slots.size(); ++i) {
    const Bundle::State state = bundle.slots[i].state;
    if (state == Bundle::State::forged && truth == Truth::tile) {
      find("evidence.entry.forged", bundle.first() + i, "the entry is not the one whose hash is in the tree");
    }
    if (state != Bundle::State::missing) continue;
    const std::size_t from = i;
    while (i + 1 < bundle.slots.size() && bundle.slots[i + 1].state == Bundle::State::missing) ++i;
    name_missing(bundle, from, i + 1);
  }
  if (bundle.trailing) {
    find("evidence.entry.surplus", bundle.first(), "bytes stand behind this bundle's last entry that make none");
  }
  if (bundle.surplus > 0) {
    find("evidence.entry.surplus", bundle.first(),
         std::to_string(bundle.surplus) + " entries were put into this bundle that are not in the tree");
  }
}

Result<void> Auditor::judge(std::uint64_t index, const evidence::Entry& entry) {
  report_.newest_at = entry.at;
  std::uint64_t*& count = counts_[entry.event.index()];
  if (!count) count = &report_.kinds[std::string(entry.kind())];
  ++*count;
  if (options_.listener) options_.listener->on_entry(index, entry, ledger_);
  if (auto right = ledger_.admit(entry); !right) {
    const Error& error = right.error();
    if (error.code == Code::unavailable || error.code == Code::unauthenticated) return right;
    if (error.slug == "agreement.none" && report_.findings_total > 0) {
      if (unjudged_++ == 0) first_unjudged_ = index;  // follows from what was found; told once, at the end
    } else {
      find(error.slug, index, error.where.empty() ? error.what : error.where + ": " + error.what);
    }
  }
  ledger_.apply(index, entry);
  if (std::holds_alternative<evidence::AgreementAdopted>(entry.event) && ledger_.plan() && ledger_.plan()->log &&
      *ledger_.plan()->log != log_key_) {
    find("agreement.log.other", index, "the agreement names another key for this log than the one that signs it");
  }
  return {};
}

Result<void> Auditor::fold(const Bundle& bundle, Truth truth) {
  for (std::size_t i = 0; i < bundle.slots.size(); ++i) {
    const std::uint64_t index = bundle.first() + i;
    const Bundle::Slot& slot = bundle.slots[i];
    const bool authentic =
        slot.state == Bundle::State::good || (slot.state == Bundle::State::forged && truth == Truth::entries);
    if (index < report_.from || !authentic) continue;
    if (slot.entry) {
      HF_CHECK(judge(index, *slot.entry));
    } else {
      find("evidence.entry.malformed", index, slot.malformed);
    }
  }
  return {};
}

Result<void> Auditor::take(const Bundle& bundle) {
  const Truth truth = settle(bundle);
  name_slots(bundle, truth);
  grow(bundle, truth);
  if (stopped_) return tl::unexpected(*stopped_);
  return fold(bundle, truth);
}

void Auditor::give_up(std::uint64_t index) {
  tree_whole_ = false;
  find("evidence.entry.missing", index, "so much before it is not served that no more was asked for");
}

Result<void> Auditor::finish() {
  if (options_.listener) options_.listener->on_end(ledger_);
  if (unjudged_ > 0) {
    find("agreement.none", first_unjudged_,
         (unjudged_ == 1 ? "this entry" : "from here on " + std::to_string(unjudged_) + " entries") +
             " could not be judged: no agreement was in force");
  }
  if (tree_whole_) {
    for (std::size_t level = 1; level < tree_.levels(); ++level) {
      if (!tree_.edge(level).empty()) compare_tile(tree_.edge_id(level), tree_.edge(level));
    }
    if (stopped_) return tl::unexpected(*stopped_);
    if (tree_.size() != report_.checkpoint.size || tree_.root() != report_.checkpoint.root) {
      find("evidence.root.wrong", {}, "the tree of the entries does not have the root that the log signed",
           Verdict::inconsistent);
    }
  }
  report_.tallies = ledger_.tallies();
  report_.agreements = ledger_.adoptions();
  report_.erasures_unfinished = ledger_.erasures_unfinished().size();
  return {};
}

Memory Auditor::memory(std::string checkpoint_note) const {
  return {log_key_,
          parties_digest(options_.parties),
          std::move(checkpoint_note),
          tree_,
          ledger_.snapshot(),
          report_.kinds,
          report_.newest_at};
}

}  // namespace holdfast::verify
