// A stream of rows comes into custody, batch by batch, some subjects at a time: evidence first, then their rows, one
// sync each.
#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <deque>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "trustee/held.h"
#include "trustee/impl.h"
#include "trustee/rows.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;

/// Subjects whose rows go under one entry and one sync.
constexpr std::size_t kDepositSubjects = 2048;

json::object to_json(const ImportSummary::Problem& problem) {
  return {{"line", problem.line}, {"field", problem.field}, {"code", problem.code}, {"detail", problem.detail}};
}

/// As much of the problems as there is room for.
std::string encode_summary(const ImportSummary& summary) {
  json::object out{{"rows", summary.rows},         {"accepted", summary.accepted},   {"unchanged", summary.unchanged},
                   {"rejected", summary.rejected}, {"first", summary.first_receipt}, {"last", summary.last_receipt}};
  json::array& problems = out["problems"].emplace_array();
  for (const auto& problem : summary.problems) problems.push_back(to_json(problem));
  std::string text = json::serialize(out);
  while (text.size() > vault::kAnswerBytesMax) {
    problems.pop_back();
    text = json::serialize(out);
  }
  return text;
}

Result<ImportSummary> decode_summary(std::string_view text) {
  try {
    const json::value parsed = json::parse(text);
    const json::object& whole = parsed.as_object();
    const auto number = [&](const char* name) { return whole.at(name).to_number<std::uint64_t>(); };
    ImportSummary out{number("rows"),
                      number("accepted"),
                      number("unchanged"),
                      number("rejected"),
                      number("first"),
                      number("last"),
                      {}};
    for (const json::value& each : whole.at("problems").as_array()) {
      const json::object& problem = each.as_object();
      const auto said = [&](const char* name) { return std::string(problem.at(name).as_string()); };
      out.problems.push_back(
          {problem.at("line").to_number<std::uint64_t>(), said("field"), said("code"), said("detail")});
    }
    return out;
  } catch (const std::exception&) {
    return fail(Code::corrupt, "import.answer", "", "the answer kept for this idempotency key is damaged");
  }
}

/// Of drafts that wait to be written.
constexpr std::size_t kPartBytes = 32u << 20;

/// A row of the batch. Its bytes, sized key and encoded record, lie among those of all others.
struct HeldRow {
  std::uint64_t line = 0;
  std::size_t begin = 0;
  std::uint32_t size = 0;
  std::uint32_t subject = 0;  ///< index among the batch's
};

/// The rows of one batch that belong to one subject, in their order.
struct Group {
  std::string_view subject;
  LockerId locker;
  std::span<const std::uint32_t> rows;
};

/// How much of its stream an import holds, counted among all imports. Memory that rows waited in is kept for the next
/// ones, and so it counts until it is given back.
class Share {
 public:
  explicit Share(std::atomic<std::size_t>& all) : all_(all) {}
  Share(const Share&) = delete;
  ~Share() { all_ -= held_; }
  /// Room for `bytes`; answers what all imports hold now.
  std::size_t hold(std::size_t bytes) {
    const std::size_t more = std::max(bytes, held_) - held_;
    held_ += more;
    return all_ += more;
  }
  void give_back() { all_ -= std::exchange(held_, 0); }

 private:
  std::atomic<std::size_t>& all_;
  std::size_t held_ = 0;
};

class ImportStream final : public Import {
 public:
  ImportStream(Trustee::Impl& self, std::shared_ptr<const Active> active, agreement::CollectionIndex collection,
               std::string party, ImportFormat format, std::string key)
      : self_(self),
        active_(std::move(active)),
        collection_(active_->plan->collections[collection]),
        party_(std::move(party)),
        key_(std::move(key)),
        begun_(self.vault->erasures()),
        share_(self.import_bytes) {
    received_.add(party_).add("\n").add(collection_.name).add(format == ImportFormat::csv ? "\ncsv\n" : "\nndjson\n");
    const auto row = [this](IncomingRow&& incoming) { hold(incoming); };
    const auto problem = [this](std::uint64_t line, const Error& error) { reject(line, error); };
    reader_ = format == ImportFormat::csv ? RowReader::csv(collection_, row, problem)
                                          : RowReader::ndjson(collection_, row, problem);
  }

  Task<void> write(std::string bytes) override {
    co_return co_await await_job(self_.jobs, [this, &bytes]() -> Result<void> {
      if (!looked_up_) HF_CHECK(look_up());
      if (!key_.empty()) received_.add(bytes);
      if (known_) return {};
      HF_CHECK(reader_->feed(bytes));
      waiting_bytes_ += bytes.size();
      const bool crowded = share_.hold(waiting_bytes_) > self_.options.import_bytes_max;
      if (rows_.size() < kImportBatchRows && waiting_bytes_ < kImportBatchBytes && !crowded) return {};
      HF_CHECK(deposit_batch());
      if (crowded) give_memory_back();
      return {};
    });
  }

  Task<ImportSummary> finish() override {
    co_return co_await await_job(self_.jobs, [this]() -> Result<ImportSummary> {
      if (!looked_up_) HF_CHECK(look_up());
      const Hash request = received_.finish();
      if (known_ && known_->request == request) return decode_summary(known_->answer);
      if (known_) {
        return fail(Code::conflict, "idempotency.reused", "Idempotency-Key",
                    "this key came with another request before, and nothing of this one was deposited; use a new key");
      }
      HF_CHECK(reader_->finish());
      HF_CHECK(deposit_batch());
      if (!key_.empty()) HF_CHECK(self_.vault->remember_batch(key_, {request, encode_summary(summary_)}));
      return std::move(summary_);
    });
  }

 private:
  Result<void> look_up() {
    looked_up_ = true;
    if (key_.empty()) return {};
    HF_TRY(known_, self_.vault->recall_batch(key_));
    if (!known_) {
      HF_TRY(begun_, self_.vault->begin_batch(key_));
    }
    return {};
  }

  void reject(std::uint64_t line, const Error& error) {
    ++summary_.rows;
    ++summary_.rejected;
    if (summary_.problems.size() < kImportProblemsMax) {
      summary_.problems.push_back({line, error.where, std::string(error.slug), error.what});
    }
  }

  void hold(const IncomingRow& incoming) {
    const std::size_t begin = bytes_.size();
    put_sized(bytes_, incoming.key);
    if (const auto encoded = vault::encode_record(incoming.record, bytes_); !encoded) {
      bytes_.resize(begin);
      return reject(incoming.line, encoded.error());
    }
    auto known = subject_of_.find(incoming.subject);
    if (known == subject_of_.end()) {
      const std::string& kept = subjects_.emplace_back(incoming.subject);
      known = subject_of_.emplace(kept, static_cast<std::uint32_t>(subjects_.size() - 1)).first;
    }
    rows_.push_back({incoming.line, begin, static_cast<std::uint32_t>(bytes_.size() - begin), known->second});
  }

  ByteView bytes_of(std::uint32_t row) const { return ByteView(bytes_).substr(rows_[row].begin, rows_[row].size); }

  vault::EncodedRow parts_of(std::uint32_t row) const {
    ByteReader reader(bytes_of(row));
    const ByteView key = reader.sized();
    return {key, reader.take(reader.left())};
  }

  /// In the order of their lockers: the engine keeps those in order, so neighbours are found and put far faster.
  /// `order` gets the rows, subject by subject, and is what the groups look at.
  std::vector<Group> grouped(std::vector<std::uint32_t>& order) const {
    std::vector<std::uint32_t> ends(subjects_.size());
    for (const HeldRow& row : rows_) ++ends[row.subject];
    std::vector<Group> out;
    out.reserve(subjects_.size());
    order.resize(rows_.size());
    for (std::size_t i = 0, begin = 0; i < subjects_.size(); ++i) {
      const std::size_t count = ends[i];
      ends[i] = static_cast<std::uint32_t>(begin);
      out.push_back({subjects_[i], self_.vault->locker_of(subjects_[i]), std::span(order).subspan(begin, count)});
      begin += count;
    }
    for (std::uint32_t i = 0; i < rows_.size(); ++i) order[ends[rows_[i].subject]++] = i;
    std::sort(out.begin(), out.end(), [](const Group& a, const Group& b) { return a.locker < b.locker; });
    return out;
  }

  Result<void> deposit_batch() {
    std::vector<std::uint32_t> order;
    std::vector<Group> groups = grouped(order);
    HF_CHECK(leave_out_erased(groups));
    for (std::span<const Group> rest(groups); !rest.empty();) {
      const std::size_t count = std::min(rest.size(), kDepositSubjects);
      HF_CHECK(deposit(rest.first(count)));
      rest = rest.subspan(count);
    }
    rows_.clear();
    bytes_.clear();
    subject_of_.clear();
    subjects_.clear();
    waiting_bytes_ = 0;
    return {};
  }

  /// What came for a subject before its erasure does not bring it back, nor does what a retry repeats.
  Result<void> require_not_erased(const LockerId& locker) const {
    if (self_.vault->erasures() == begun_) return {};
    HF_TRY(const auto erased, self_.vault->last_erasure(locker));
    if (!erased || *erased <= begun_) return {};
    return fail(
        Code::conflict, "subject.erased", "subject",
        "this subject was erased since this import began, and it does not bring them back; to deposit anew, begin "
        "another one");
  }

  /// Before they are opened, which would make them.
  Result<void> leave_out_erased(std::vector<Group>& groups) {
    Result<void> outcome;
    std::erase_if(groups, [&](const Group& group) {
      const auto stays = require_not_erased(group.locker);
      if (!stays && outcome) outcome = reject(group, stays.error());
      return !stays;
    });
    return outcome;
  }

  void give_memory_back() {
    rows_ = {};
    bytes_ = {};
    subject_of_ = {};
    share_.give_back();
  }

  /// What became of a group's rows, told once they are on disk.
  struct Filled {
    std::uint64_t accepted = 0, unchanged = 0;
    std::vector<std::uint32_t> refused;  ///< rows whose key another record has
  };

  struct Drafted {
    const Group* group = nullptr;
    Filled filled;
  };

  /// What goes under one entry and one commit.
  struct Part {
    std::vector<vault::Draft> drafts;
    std::vector<Drafted> drafted;  ///< one for each
    std::uint64_t records = 0;
    std::size_t bytes = 0;
    bool compared = false;  ///< a row with what is held: whoever sends guesses learns from the answer
  };

  /// So many subjects that the syncs do not take much time. In parts, since a few rows may have much written anew.
  Result<void> deposit(std::span<const Group> groups) {
    std::vector<std::string_view> ids;
    ids.reserve(groups.size());
    for (const Group& group : groups) ids.push_back(group.subject);
    auto subjects = self_.vault->open_or_create(ids);
    Part part;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (const auto done = draw_up(groups[i], std::move(subjects[i]), part); !done) {
        HF_CHECK(reject(groups[i], done.error()));
      }
      if (part.bytes < kPartBytes) continue;
      HF_CHECK(commit(groups.subspan(begin, i + 1 - begin), std::move(part)));
      part = {};
      begin = i + 1;
    }
    return commit(groups.subspan(begin), std::move(part));
  }

  Result<void> draw_up(const Group& group, Result<vault::Subject> opened, Part& part) {
    HF_TRY(vault::Subject subject, std::move(opened));
    HF_CHECK(require_not_erased(group.locker));  // again, as it may be over just now
    HF_TRY(vault::Draft draft, self_.vault->begin(std::move(subject)));
    HF_TRY(Filled filled, fill(draft, group));
    part.compared = true;
    if (draft.empty()) {
      count(filled);
      return {};
    }
    // A record that is the same as before may still be written, to be kept anew.
    part.records += std::max<std::uint64_t>(filled.accepted, 1);
    part.bytes += draft.size_bytes();
    part.drafts.push_back(std::move(draft));
    part.drafted.push_back({&group, std::move(filled)});
    return {};
  }

  Result<void> commit(std::span<const Group> groups, Part part) {
    if (!part.compared) return {};
    HF_CHECK(record(groups, part.records, part.drafts.size()));
    auto results = self_.vault->commit(std::move(part.drafts));
    for (std::size_t i = 0; i < results.size(); ++i) {
      Result<Filled> filled = std::move(part.drafted[i].filled);
      if (!results[i]) filled = tl::unexpected<Error>(std::move(results[i]).error());
      const Group& group = *part.drafted[i].group;
      // A draft that another writer overtook is drawn up anew, alone.
      for (int tries = 0; !filled && filled.error().slug == "vault.draft.stale" && tries < 8; ++tries) {
        filled = deposit_alone(group);
      }
      if (filled) count(*filled);
      if (!filled) HF_CHECK(reject(group, filled.error()));
    }
    return {};
  }

  Result<Filled> deposit_alone(const Group& group) {
    HF_CHECK(require_not_erased(group.locker));
    HF_TRY(vault::Subject subject, self_.vault->open_or_create(group.subject));
    HF_CHECK(require_not_erased(group.locker));
    HF_TRY(vault::Draft draft, self_.vault->begin(std::move(subject)));
    HF_TRY(Filled filled, fill(draft, group));
    HF_CHECK(self_.vault->commit(std::move(draft)));
    return filled;
  }

  void count(const Filled& filled) {
    summary_.rows += filled.accepted + filled.unchanged;
    summary_.accepted += filled.accepted;
    summary_.unchanged += filled.unchanged;
    for (const std::uint32_t row : filled.refused) {
      reject(rows_[row].line, {Code::conflict, "vault.record.exists", *collection_.key,
                               "another record stands under this key, and records of this collection are never "
                               "replaced"});
    }
  }

  /// Of one subject alone, as that it is being erased: then the others' rows go on. What else is wrong ends the stream.
  Result<void> reject(const Group& group, const Error& error) {
    if (error.code == Code::unavailable && error.slug != "vault.subject.erasing") return tl::unexpected<Error>(error);
    for (const std::uint32_t row : group.rows) reject(rows_[row].line, error);
    return {};
  }

  /// Puts a group's rows into its draft.
  Result<Filled> fill(vault::Draft& draft, const Group& group) {
    Filled filled;
    if (!collection_.append_only()) {
      for (const std::uint32_t i : group.rows) {
        HF_TRY(const auto put, self_.vault->put_encoded(draft, retention_of(collection_), parts_of(i).record));
        ++(put.kind == vault::PutOutcome::Kind::unchanged ? filled.unchanged : filled.accepted);
      }
      return filled;
    }
    std::vector<vault::EncodedRow> rows;
    rows.reserve(group.rows.size());
    for (const std::uint32_t row : group.rows) rows.push_back(parts_of(row));
    HF_TRY(const auto outcomes, self_.vault->append_encoded(draft, retention_of(collection_), rows));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i] == vault::AppendOutcome::appended) ++filled.accepted;
      if (outcomes[i] == vault::AppendOutcome::unchanged) ++filled.unchanged;
      if (outcomes[i] == vault::AppendOutcome::exists) filled.refused.push_back(group.rows[i]);
    }
    return filled;
  }

  Result<void> record(std::span<const Group> groups, std::uint64_t records, std::uint64_t subjects) {
    // Salted, as salted(); what was received is each row with its subject, key and encoded record.
    Sha256 digest;
    digest.add(random_bytes(16));
    Bytes subject;
    for (const Group& group : groups) {
      subject.clear();
      put_sized(subject, group.subject);
      for (const std::uint32_t row : group.rows) digest.add(subject).add(bytes_of(row));
    }
    // By the agreement that the rows were read by, and no other: when one came into force meanwhile, the stream ends.
    evidence::Deposited event{collection_.name, std::nullopt, records, subjects, digest.finish()};
    auto recorded = self_.log->append_and_wait(self_.entry(*active_, party_, std::move(event)));
    if (!recorded) self_.watch(recorded.error());
    HF_TRY(const auto appended, std::move(recorded));
    if (summary_.last_receipt == 0) summary_.first_receipt = appended.index;
    summary_.last_receipt = appended.index;
    return {};
  }

  Trustee::Impl& self_;
  std::shared_ptr<const Active> active_;
  const agreement::Collection& collection_;
  std::string party_, key_;
  std::uint64_t begun_;  ///< what Vault::erasures was when this stream began, or the one that it repeats
  std::unique_ptr<RowReader> reader_;
  std::vector<HeldRow> rows_;
  Bytes bytes_;                       ///< of all rows, side by side: what is far apart in memory is slow to go through
  std::deque<std::string> subjects_;  ///< of the rows; stay in place
  std::unordered_map<std::string_view, std::uint32_t> subject_of_;
  std::size_t waiting_bytes_ = 0;  ///< that rows_ came in
  Share share_;
  ImportSummary summary_;
  bool looked_up_ = false;
  std::optional<vault::Remembered> known_;  ///< of the request that came with this key before
  Sha256 received_;                         ///< when there is a key: what a retry must repeat
};

}  // namespace

Result<std::unique_ptr<Import>> Trustee::import(const Caller& caller, const std::string& collection,
                                                ImportFormat format, std::optional<std::string> idempotency_key) {
  HF_TRY(auto active, impl_->active());
  HF_TRY(const auto index, depositable(*impl_, *active, caller, collection));
  const std::string key = idempotency_key ? caller.name + "\nimport\n" + *idempotency_key : std::string();
  return std::unique_ptr<Import>(
      std::make_unique<ImportStream>(*impl_, std::move(active), index, caller.name, format, key));
}

}  // namespace holdfast::trustee
