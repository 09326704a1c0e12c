// A stream of rows comes into custody, batch by batch, some subjects at a time: evidence first, then their rows, one
// sync each.
#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <span>
#include <unordered_map>

#include "base/hash.h"
#include "trustee/held.h"
#include "trustee/impl.h"
#include "trustee/rows.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;

/// Subjects whose rows go under one entry and one sync.
constexpr std::size_t kDepositSubjects = 2048;

std::string encode_summary(const ImportSummary& summary) {
  return json::serialize(json::array{summary.rows, summary.accepted, summary.unchanged, summary.rejected,
                                     summary.first_receipt, summary.last_receipt});
}

Result<ImportSummary> decode_summary(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  ImportSummary out;
  std::uint64_t* const members[] = {&out.rows,     &out.accepted,      &out.unchanged,
                                    &out.rejected, &out.first_receipt, &out.last_receipt};
  const json::array* array = error ? nullptr : value.if_array();
  if (array == nullptr || array->size() != std::size(members)) {
    return fail(Code::corrupt, "import.answer", "", "the answer kept for this idempotency key is damaged");
  }
  for (std::size_t i = 0; i < array->size(); ++i) *members[i] = (*array)[i].to_number<std::uint64_t>(error);
  return out;
}

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

class ImportStream final : public Import {
 public:
  ImportStream(Trustee::Impl& self, std::shared_ptr<const Active> active, agreement::CollectionIndex collection,
               std::string party, ImportFormat format, std::string key)
      : self_(self),
        active_(std::move(active)),
        collection_(active_->plan->collections[collection]),
        party_(std::move(party)),
        key_(std::move(key)) {
    const auto row = [this](IncomingRow&& incoming) { hold(incoming); };
    const auto problem = [this](std::uint64_t line, const Error& error) { reject(line, error); };
    reader_ = format == ImportFormat::csv ? RowReader::csv(collection_, row, problem)
                                          : RowReader::ndjson(collection_, row, problem);
  }

  Task<void> write(std::string bytes) override {
    if (answered_) co_return Result<void>();
    co_return co_await await_job(self_.jobs, [this, &bytes]() -> Result<void> {
      if (!looked_up_) HF_CHECK(look_up());
      if (answered_) return {};
      HF_CHECK(reader_->feed(bytes));
      waiting_bytes_ += bytes.size();
      const bool full = rows_.size() >= kImportBatchRows || waiting_bytes_ >= kImportBatchBytes;
      return full ? deposit_batch() : Result<void>();
    });
  }

  Task<ImportSummary> finish() override {
    co_return co_await await_job(self_.jobs, [this]() -> Result<ImportSummary> {
      if (!looked_up_) HF_CHECK(look_up());
      if (answered_) return std::move(*answered_);
      HF_CHECK(reader_->finish());
      HF_CHECK(deposit_batch());
      if (!key_.empty()) HF_CHECK(self_.vault->remember_batch(key_, {request_digest(), encode_summary(summary_)}));
      return std::move(summary_);
    });
  }

 private:
  /// The stream cannot be hashed before it was read, so the key stands for the content; the CLI derives it from it.
  Hash request_digest() const { return sha256({party_, "\n", collection_.name}); }

  Result<void> look_up() {
    looked_up_ = true;
    if (key_.empty()) return {};
    HF_TRY(const auto known, self_.vault->recall_batch(key_));
    if (!known) return {};
    if (known->request != request_digest()) {
      return fail(Code::conflict, "idempotency.reused", "Idempotency-Key",
                  "this key came with another request before; use a new one");
    }
    HF_TRY(answered_, decode_summary(known->answer));
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
    const std::vector<Group> groups = grouped(order);
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

  /// So many subjects that neither their drafts take much memory nor the syncs much time.
  Result<void> deposit(std::span<const Group> groups) {
    std::vector<std::string_view> ids;
    ids.reserve(groups.size());
    for (const Group& group : groups) ids.push_back(group.subject);
    auto subjects = self_.vault->open_or_create(ids);

    std::vector<vault::Draft> drafts;
    std::vector<std::size_t> group_of_draft;
    std::uint64_t accepted = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (subjects[i]) {
        auto draft = self_.vault->begin(std::move(*subjects[i]));
        const std::uint64_t before = accepted;
        if (draft && fill(*draft, groups[i], accepted)) {
          if (accepted > before) {
            drafts.push_back(std::move(*draft));
            group_of_draft.push_back(i);
          }
          continue;
        }
        if (draft) continue;  // fill() told why
        subjects[i] = tl::unexpected<Error>(draft.error());
      }
      for (const std::uint32_t row : groups[i].rows) reject(rows_[row].line, subjects[i].error());
    }
    if (drafts.empty()) return {};
    HF_CHECK(record(groups, accepted, drafts.size()));
    HF_CHECK(commit(std::move(drafts), group_of_draft, groups));
    summary_.accepted += accepted;
    return {};
  }

  /// Puts a group's rows into its draft; counts those that are new. False when none could be taken.
  bool fill(vault::Draft& draft, const Group& group, std::uint64_t& accepted) {
    if (!collection_.append_only()) return fill_single(draft, group, accepted);
    std::vector<vault::EncodedRow> rows;
    rows.reserve(group.rows.size());
    for (const std::uint32_t row : group.rows) rows.push_back(parts_of(row));
    const auto outcomes = self_.vault->append_encoded(draft, retention_of(collection_), rows);
    if (!outcomes) {
      for (const std::uint32_t i : group.rows) reject(rows_[i].line, outcomes.error());
      return false;
    }
    for (std::size_t i = 0; i < outcomes->size(); ++i) {
      switch ((*outcomes)[i]) {
        case vault::AppendOutcome::appended:
          ++summary_.rows, ++accepted;
          break;
        case vault::AppendOutcome::unchanged:
          ++summary_.rows, ++summary_.unchanged;
          break;
        case vault::AppendOutcome::exists:
          reject(rows_[group.rows[i]].line,
                 {Code::conflict, "vault.record.exists", *collection_.key,
                  "another record stands under this key, and records of this collection are never replaced"});
      }
    }
    return true;
  }

  bool fill_single(vault::Draft& draft, const Group& group, std::uint64_t& accepted) {
    bool any = false;
    for (const std::uint32_t i : group.rows) {
      const auto outcome = self_.vault->put_encoded(draft, retention_of(collection_), parts_of(i).record);
      if (!outcome) {
        reject(rows_[i].line, outcome.error());
        continue;
      }
      any = true;
      ++summary_.rows;
      if (outcome->kind == vault::PutOutcome::Kind::unchanged) {
        ++summary_.unchanged;
      } else {
        ++accepted;
      }
    }
    return any;
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
    HF_TRY(const auto appended, self_.append_now(party_, evidence::Deposited{collection_.name, std::nullopt, records,
                                                                             subjects, digest.finish()}));
    if (summary_.accepted == 0) summary_.first_receipt = appended.index;
    summary_.last_receipt = appended.index;
    return {};
  }

  /// A draft that another writer overtook is drawn up anew, alone.
  Result<void> commit(std::vector<vault::Draft> drafts, const std::vector<std::size_t>& group_of_draft,
                      std::span<const Group> groups) {
    auto results = self_.vault->commit(std::move(drafts));
    for (std::size_t i = 0; i < results.size(); ++i) {
      Result<void> result = std::move(results[i]);
      for (int tries = 0; !result && result.error().slug == "vault.draft.stale" && tries < 8; ++tries) {
        const Group& group = groups[group_of_draft[i]];
        HF_TRY(vault::Subject subject, self_.vault->open_or_create(group.subject));
        HF_TRY(vault::Draft draft, self_.vault->begin(std::move(subject)));
        HF_CHECK(refill(draft, group));
        result = self_.vault->commit(std::move(draft));
      }
      if (!result) return result;
    }
    return {};
  }

  /// As fill(), for rows that were counted before.
  Result<void> refill(vault::Draft& draft, const Group& group) {
    const ImportSummary counted = summary_;
    std::uint64_t ignored = 0;
    const bool filled = fill(draft, group, ignored);
    summary_ = counted;
    if (filled) return {};
    return fail(Code::conflict, "import.overtaken", "", "another writer changed the same records; import again");
  }

  Trustee::Impl& self_;
  std::shared_ptr<const Active> active_;
  const agreement::Collection& collection_;
  std::string party_, key_;
  std::unique_ptr<RowReader> reader_;
  std::vector<HeldRow> rows_;
  Bytes bytes_;                       ///< of all rows, side by side: what is far apart in memory is slow to go through
  std::deque<std::string> subjects_;  ///< of the rows; stay in place
  std::unordered_map<std::string_view, std::uint32_t> subject_of_;
  std::size_t waiting_bytes_ = 0;  ///< that rows_ came in
  ImportSummary summary_;
  bool looked_up_ = false;
  std::optional<ImportSummary> answered_;
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
