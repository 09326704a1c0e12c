#include "trustee/trustee.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <mutex>
#include <thread>

#include "base/hash.h"
#include "storage/memory.h"

namespace holdfast::trustee {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

/// Root keys that live in memory, for tests.
class TestRoots final : public vault::RootKeys {
 public:
  TestRoots() {
    std::string path = testing::TempDir() + "holdfast-roots-XXXXXX";
    directory_ = mkdtemp(path.data());
    file_ = std::move(*vault::FileRootKeys::create(directory_ + "/root.keys"));
  }
  ~TestRoots() override {
    ::unlink((directory_ + "/root.keys").c_str());
    ::rmdir(directory_.c_str());
  }
  std::vector<vault::RootKeyId> ids() const override { return file_->ids(); }
  Result<Bytes> wrap(ByteView secret, ByteView context) const override { return file_->wrap(secret, context); }
  Result<Bytes> unwrap(ByteView wrapped, ByteView context) const override { return file_->unwrap(wrapped, context); }
  Result<void> add_new() override { return file_->add_new(); }
  Result<void> drop_old() override { return file_->drop_old(); }

 private:
  std::string directory_;
  std::unique_ptr<vault::FileRootKeys> file_;
};

constexpr std::string_view kAgreement = R"(holdfast: 1
agreement: us-users
version: @VERSION@
subjects: {country: US, served-by: [app-us, oracle]}
parties:
  bytedance: {role: operator, country: CN, key: @bytedance@}
  oracle: {role: trustee, country: US, key: @oracle@}
  treasury: {role: overseer, country: US, key: @treasury@}
  app-us: {role: recipient, country: US, operated-by: oracle}
collections:
  profile:
    from: [app-us]
    keep: 5y
    fields:
      email: {type: text, category: user.contact.email}
      zip: {type: text, category: user.contact.address.postal_code}
      birthdate: {type: date, category: user.demographic.date_of_birth}
  views:
    from: [app-us]
    key: event
    keep: 400d
    fields:
      video: {type: text, category: user.behavior.media_consumption}
flows:
  account:
    to: app-us
    use: essential.service
    gives: {profile: {email: clear, zip: clear, birthdate: clear}}
  history:
    to: app-us
    use: essential.service
    gives: {views: {video: clear}}
  support:
    to: bytedance
    use: essential.service.operations.support
    gives: {profile: {email: token, birthdate: year, zip: first 3}}
    limit: 2 subjects per day
prohibitions:
  - {never: user.contact.email, to: {country: CN}, unless: token}
changes:
  agreement: {signed-by: [operator, trustee, overseer]}
)";

void replace(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what))
    text.replace(at, what.size(), with);
}

const Caller kApp{Caller::Kind::party, "app-us"};
const Caller kOperator{Caller::Kind::party, "bytedance"};
const Caller kTrustee{Caller::Kind::party, "oracle"};

class TrusteeTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"bytedance", "oracle", "treasury"})
      keys_.push_back(std::move(*SigningKey::generate(name)));
    open();
  }
  void TearDown() override { trustee_.reset(); }

  void open(TrusteeOptions options = {}) {
    trustee_.reset();
    auto log_key = SigningKey::from_seed("example.org/log", Bytes(32, 'l'));
    auto opened = Trustee::open(*store_, roots_, std::move(*log_key), clock_, std::move(options));
    ASSERT_TRUE(opened) << opened.error().text();
    trustee_ = std::move(*opened);
  }

  /// Runs one operation to its end on an event loop of its own.
  template <class T>
  T run(Async<T> task) {
    std::unique_ptr<asio::io_context> loop = take_loop();
    std::optional<T> out;
    asio::co_spawn(*loop, std::move(task), [&](std::exception_ptr thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      out = std::move(value);
    });
    loop->run();
    const std::lock_guard lock(loops_mutex_);
    loops_.push_back(std::move(loop));
    return std::move(*out);
  }
  /// Loops outlive the operations: the thread that let one go on may not have left its loop yet.
  std::unique_ptr<asio::io_context> take_loop() {
    const std::lock_guard lock(loops_mutex_);
    if (loops_.empty()) return std::make_unique<asio::io_context>();
    std::unique_ptr<asio::io_context> out = std::move(loops_.back());
    loops_.pop_back();
    out->restart();
    return out;
  }

  std::string agreement(int version, std::string extra = {}) const {
    std::string text(kAgreement);
    replace(text, "@VERSION@", std::to_string(version));
    for (const SigningKey& key : keys_) replace(text, "@" + key.verifier().name() + "@", key.verifier().text());
    return text + extra;
  }
  std::string signed_by(std::string text, std::size_t signers) const {
    auto note = Note::create(std::move(text));
    for (std::size_t i = 0; i < signers; ++i) note->sign(keys_[i]);
    return note->encode();
  }
  void adopt() {
    const auto adopted = run(trustee_->adopt(kTrustee, signed_by(agreement(1), 3)));
    ASSERT_TRUE(adopted) << adopted.error().text();
    EXPECT_EQ(*adopted, 0u);
  }
  void deposit(const std::string& subject) {
    const auto put = run(trustee_->put_record(kApp, "profile", subject,
                                              R"({"email":"zoe@example.org","zip":"94105","birthdate":"1990-04-01"})",
                                              vault::Expect::anything(), std::nullopt));
    ASSERT_TRUE(put) << put.error().text();
  }
  /// What a start says of `store`.
  Result<void> start_on(storage::Store& store) {
    trustee_.reset();
    auto log_key = SigningKey::from_seed("example.org/log", Bytes(32, 'l'));
    HF_CHECK(Trustee::open(store, roots_, std::move(*log_key), clock_, {}));
    return {};
  }
  evidence::Entry entry(std::uint64_t index) {
    const auto raw = trustee_->log().entry(index);
    return std::move(*evidence::Entry::decode(*raw));
  }

  storage::MemoryFaults faults_;
  std::unique_ptr<storage::Store> store_ = storage::open_memory(&faults_);
  TestRoots roots_;
  ManualClock clock_{1'790'000'000'000};
  std::vector<SigningKey> keys_;
  std::mutex loops_mutex_;
  std::vector<std::unique_ptr<asio::io_context>> loops_;
  std::unique_ptr<Trustee> trustee_;
};

TEST_F(TrusteeTest, without_an_agreement_nothing_moves) {
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "agreement.none");
  EXPECT_EQ(run(trustee_->adopt(kTrustee, signed_by(agreement(1), 2))).error().slug, "agreement.quorum");
  EXPECT_EQ(trustee_->log().size(), 0u);
}

TEST_F(TrusteeTest, each_recipient_gets_its_own_form_and_every_release_its_entry) {
  adopt();
  deposit("u1");
  const auto clear = run(trustee_->disclose(kApp, "account", "u1"));
  ASSERT_TRUE(clear) << clear.error().text();
  EXPECT_EQ(clear->payload, R"({"profile":{"email":"zoe@example.org","zip":"94105","birthdate":"1990-04-01"}})");
  const auto support = run(trustee_->disclose(kOperator, "support", "u1"));
  ASSERT_TRUE(support) << support.error().text();
  EXPECT_THAT(support->payload, HasSubstr(R"("birthdate":"1990","zip":"941")"));
  EXPECT_THAT(support->payload, HasSubstr(R"("email":"tok_)"));

  const evidence::Entry recorded = entry(support->receipt);
  const auto& released = std::get<evidence::Released>(recorded.event);
  EXPECT_EQ(recorded.party, "bytedance");
  EXPECT_EQ(released.digest, sha256({support->salt, support->payload}));
  EXPECT_EQ(released.size_bytes, support->payload.size());
  EXPECT_THAT(recorded.encode(), Not(HasSubstr("u1\"")));
}

TEST_F(TrusteeTest, what_is_past_its_keep_does_not_leave_though_no_sweep_has_removed_it) {
  adopt();
  deposit("u1");
  const auto appended = run(trustee_->append_row(kApp, "views", "u1", "1", R"({"video":"v"})"));
  ASSERT_TRUE(appended) << appended.error().text();
  EXPECT_THAT(run(trustee_->disclose(kApp, "history", "u1"))->payload, HasSubstr("\"v\""));
  clock_.advance(std::chrono::hours(24 * 400));
  EXPECT_EQ(run(trustee_->disclose(kApp, "history", "u1")).error().slug, "vault.record.unknown");
  EXPECT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));
  clock_.advance(std::chrono::hours(24 * 365 * 4));
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "vault.record.unknown");
}

struct Parts {
  bool records = true, keys = true, log = true;
};

void copy_shelf(storage::Store& from, storage::Store& to, storage::Shelf shelf) {
  const std::vector<LockerId> lockers = *from.list(shelf, std::nullopt, 1000);
  for (const LockerId& locker : lockers) {
    storage::LockerChange change{shelf, locker, storage::kAnyVersion, {}, {}};
    ASSERT_TRUE(from.scan(shelf, locker, {}, {}, [&](ByteView key, ByteView value) {
      change.puts.push_back({Bytes(key), Bytes(value)});
      return true;
    }));
    ASSERT_TRUE(to.apply({&change, 1}).front());
  }
}

void copy_log(storage::Store& from, storage::Store& to) {
  const std::vector<std::string> names = *from.list_blobs("", "", 1000);
  for (const std::string& name : names) {
    const storage::Blob blob{name, **from.get_blob(name)};
    ASSERT_TRUE(to.put_blobs({&blob, 1}));
  }
  const auto lease = to.acquire("log", "copy", std::chrono::seconds(1));
  ASSERT_TRUE(from.read("log", 0, [&](std::uint64_t position, std::uint32_t count, ByteView packed) {
    EXPECT_TRUE(to.append("log", position, count, packed, *lease));
    return true;
  }));
  ASSERT_TRUE(to.release("log", *lease));
}

/// What is left of a store when parts of it are lost.
std::unique_ptr<storage::Store> left_of(storage::Store& whole, Parts parts) {
  auto out = storage::open_memory();
  if (parts.records) copy_shelf(whole, *out, storage::Shelf::records);
  if (parts.keys) copy_shelf(whole, *out, storage::Shelf::keys);
  if (parts.log) copy_log(whole, *out);
  return out;
}

TEST_F(TrusteeTest, records_keys_and_evidence_are_served_together_only) {
  ASSERT_TRUE(start_on(*store_)) << "nothing is missing from an empty store";
  open();
  adopt();
  for (const bool held : {false, true}) {
    if (held) open(), deposit("u1");
    trustee_.reset();
    EXPECT_TRUE(start_on(*left_of(*store_, {})));
    EXPECT_EQ(start_on(*left_of(*store_, {.log = false})).error().slug, "evidence.log.missing");
    EXPECT_EQ(start_on(*left_of(*store_, {.records = false, .log = false})).error().slug, "evidence.log.missing");
    EXPECT_EQ(start_on(*left_of(*store_, {.keys = false})).error().slug, "vault.keys.missing");
    EXPECT_EQ(start_on(*left_of(*store_, {.records = false, .keys = false})).error().slug, "vault.keys.missing");
    EXPECT_EQ(start_on(*left_of(*store_, {.records = false})).error().slug, "vault.records.missing");
  }
}

TEST_F(TrusteeTest, what_was_held_before_shelves_said_their_history_is_missed_too_and_bound_at_a_start) {
  adopt();
  deposit("u1");
  trustee_.reset();
  for (const storage::Shelf shelf : {storage::Shelf::records, storage::Shelf::keys}) {
    const std::vector<LockerId> lockers = *store_->list(shelf, std::nullopt, 1000);
    for (const LockerId& locker : lockers) {
      const storage::LockerChange change{shelf, locker, storage::kAnyVersion, {}, {"history"}};
      ASSERT_TRUE(store_->apply({&change, 1}).front());
    }
  }
  const auto before = *vault::Vault::holdings(*store_);
  EXPECT_FALSE(before.keys_history || before.records_history);
  EXPECT_EQ(start_on(*left_of(*store_, {.log = false})).error().slug, "evidence.log.missing");
  ASSERT_TRUE(start_on(*store_));
  const auto after = *vault::Vault::holdings(*store_);
  EXPECT_TRUE(after.keys_history && after.keys_history == after.records_history);
}

TEST_F(TrusteeTest, the_log_of_another_history_under_the_same_key_is_refused) {
  adopt();
  deposit("u1");
  trustee_.reset();
  const auto mixed = left_of(*store_, {.log = false});
  clock_.advance(std::chrono::hours(1));
  store_ = storage::open_memory();
  open();
  adopt();
  trustee_.reset();
  copy_log(*store_, *mixed);
  EXPECT_EQ(start_on(*mixed).error().slug, "evidence.log.other");
}

TEST_F(TrusteeTest, is_not_ready_while_the_store_takes_no_writes) {
  adopt();
  deposit("u1");
  ASSERT_TRUE(trustee_->ready());
  faults_.fail_write(2);  // after the evidence of the next deposit, its record
  EXPECT_FALSE(run(trustee_->put_record(kApp, "profile", "u1", R"({"zip":"94106"})", vault::Expect::anything(), {})));
  const auto ready = trustee_->ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().slug, "storage.failed");
  EXPECT_THAT(ready.error().what, HasSubstr("restart the server"));
  EXPECT_TRUE(run(trustee_->disclose(kOperator, "support", "u1"))) << "what is there is still given";
}

TEST_F(TrusteeTest, what_the_agreement_does_not_declare_is_refused_and_recorded) {
  adopt();
  deposit("u1");
  const auto unknown = run(trustee_->disclose(kOperator, "suport", "u1"));
  EXPECT_EQ(unknown.error().slug, "flow.unknown");
  EXPECT_THAT(unknown.error().what, HasSubstr("did you mean 'support'"));
  EXPECT_EQ(run(trustee_->disclose(kOperator, "account", "u1")).error().slug, "flow.party");
  EXPECT_EQ(run(trustee_->disclose({Caller::Kind::party, "stranger"}, "account", "u1")).error().slug, "caller.party");
  EXPECT_EQ(run(trustee_->disclose({}, "account", "u1")).error().code, Code::unauthenticated);
  EXPECT_EQ(run(trustee_->put_record(kOperator, "profile", "u2", "{}", {}, std::nullopt)).error().slug,
            "collection.party");
  EXPECT_EQ(run(trustee_->export_subject(kOperator, "u1")).error().slug, "caller.serves");
  EXPECT_EQ(run(trustee_->export_subject({Caller::Kind::subject, "u2"}, "u1")).error().slug, "caller.subject");
  ASSERT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));  // by then the refusals above are durable
  std::map<std::string, int> reasons;
  for (std::uint64_t i = 0; i < trustee_->log().size(); ++i) {
    const evidence::Entry at = entry(i);
    if (const auto* refused = std::get_if<evidence::Refused>(&at.event)) ++reasons[refused->reason];
  }
  EXPECT_EQ(reasons["flow.unknown"], 1);
  EXPECT_EQ(reasons["flow.party"], 1);
  EXPECT_EQ(reasons["collection.party"], 1);
  EXPECT_EQ(reasons["caller.serves"], 1);
  EXPECT_EQ(reasons["caller.subject"], 1);
}

TEST_F(TrusteeTest, a_limit_holds_across_restarts_and_a_clock_that_goes_back) {
  adopt();
  for (const char* subject : {"u1", "u2", "u3"}) deposit(subject);
  EXPECT_TRUE(run(trustee_->disclose(kOperator, "support", "u1")));
  EXPECT_TRUE(run(trustee_->disclose(kOperator, "support", "u1")));  // the same subject is not counted twice
  EXPECT_TRUE(run(trustee_->disclose(kOperator, "support", "u2")));
  const auto third = run(trustee_->disclose(kOperator, "support", "u3"));
  EXPECT_EQ(third.error().slug, "limit.exceeded");
  EXPECT_GT(third.error().retry_after_s, 0);
  open();
  EXPECT_EQ(run(trustee_->disclose(kOperator, "support", "u3")).error().slug, "limit.exceeded");
  clock_.advance(-hours(72));
  EXPECT_EQ(run(trustee_->disclose(kOperator, "support", "u3")).error().slug, "limit.exceeded");
  clock_.advance(hours(72 + 24));
  EXPECT_TRUE(run(trustee_->disclose(kOperator, "support", "u3")));
}

TEST_F(TrusteeTest, a_batch_answers_for_each_and_spends_no_more_than_allowed) {
  adopt();
  for (const char* subject : {"u1", "u2", "u3"}) deposit(subject);
  const auto items = run(trustee_->disclose_batch(kOperator, "support", {"u1", "nobody", "u2", "u3"}));
  ASSERT_EQ(items.size(), 4u);
  EXPECT_TRUE(items[0].disclosure);
  EXPECT_EQ(items[1].disclosure.error().slug, "vault.subject.unknown");
  EXPECT_TRUE(items[2].disclosure);
  EXPECT_EQ(items[3].disclosure.error().slug, "limit.exceeded");
}

TEST_F(TrusteeTest, a_restricted_subject_is_kept_and_not_given) {
  adopt();
  deposit("u1");
  ASSERT_TRUE(run(trustee_->restrict({Caller::Kind::subject, "u1"}, "u1")));
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "subject.restricted");
  ASSERT_TRUE(run(trustee_->unrestrict(kApp, "u1")));
  EXPECT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));
}

TEST_F(TrusteeTest, an_export_tells_all_and_an_erasure_leaves_nothing) {
  adopt();
  deposit("u1");
  ASSERT_TRUE(run(trustee_->append_row(kApp, "views", "u1", "e1", R"({"video":"v1"})")));
  ASSERT_TRUE(run(trustee_->disclose(kOperator, "support", "u1")));
  const auto exported = run(trustee_->export_subject({Caller::Kind::subject, "u1"}, "u1"));
  ASSERT_TRUE(exported) << exported.error().text();
  const json::value told = json::parse(exported->payload);
  EXPECT_EQ(told.at_pointer("/collections/profile/records/0/fields/email").as_string(), "zoe@example.org");
  EXPECT_EQ(told.at_pointer("/collections/profile/categories/email").as_string(), "user.contact.email");
  EXPECT_EQ(told.at_pointer("/collections/views/records/0/key").as_string(), "e1");
  EXPECT_EQ(told.at_pointer("/recipients/0/to").as_string(), "bytedance");
  EXPECT_EQ(told.at_pointer("/recipients/0/gives/profile/email").as_string(), "token");

  const auto erased = run(trustee_->erase({Caller::Kind::subject, "u1"}, "u1"));
  ASSERT_TRUE(erased) << erased.error().text();
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "vault.subject.unknown");
  EXPECT_TRUE(std::holds_alternative<evidence::ErasureAsked>(entry(erased->asked).event));
  EXPECT_TRUE(std::holds_alternative<evidence::ErasureDone>(entry(erased->done).event));
  deposit("u1");  // whoever comes back is somebody new to the evidence
  const auto again = run(trustee_->export_subject(kApp, "u1"));
  EXPECT_NE(json::parse(again->payload).at_pointer("/pseudonym"), told.at_pointer("/pseudonym"));
}

TEST_F(TrusteeTest, an_export_gives_each_value_as_it_was_deposited_whatever_its_field_became) {
  adopt();
  deposit("u1");
  std::string next = agreement(2);
  replace(next, "zip: {type: text,", "zip: {type: integer,");
  replace(next, "      birthdate: {type: date, category: user.demographic.date_of_birth}\n", "");
  replace(next, "birthdate: clear", "email: clear");
  replace(next, "email: clear, zip: clear, email: clear", "email: clear, zip: clear");
  replace(next, "birthdate: year, zip: first 3", "email: token");
  replace(next, "email: token, email: token", "email: token");
  const auto adopted = run(trustee_->adopt(kTrustee, signed_by(next, 3)));
  ASSERT_TRUE(adopted) << adopted.error().text();
  const auto told = run(trustee_->export_subject({Caller::Kind::subject, "u1"}, "u1"));
  ASSERT_TRUE(told) << told.error().text();
  EXPECT_THAT(told->payload, HasSubstr(R"("zip":"94105")"));
  EXPECT_THAT(told->payload, HasSubstr(R"("undeclared-)"));
  EXPECT_THAT(told->payload, HasSubstr(R"(:"1990-04-01")"));
}

TEST_F(TrusteeTest, a_retry_with_its_key_is_told_the_same_and_another_request_is_not) {
  adopt();
  const auto put = [&](const char* zip) {
    return run(trustee_->put_record(kApp, "profile", "u1", std::string(R"({"zip":")") + zip + "\"}",
                                    vault::Expect::absent(), "key-1"));
  };
  const auto first = put("94105");
  ASSERT_TRUE(first) << first.error().text();
  const auto retried = put("94105");
  ASSERT_TRUE(retried) << retried.error().text();
  EXPECT_EQ(retried->receipt, first->receipt);
  EXPECT_EQ(retried->version, first->version);
  EXPECT_EQ(put("10001").error().slug, "idempotency.reused");
}

TEST_F(TrusteeTest, an_expected_version_is_compared_and_set) {
  adopt();
  deposit("u1");
  const auto current = run(trustee_->disclose(kApp, "account", "u1"));
  ASSERT_TRUE(current->version);
  const auto put = [&](std::uint64_t version) {
    return run(trustee_->put_record(kApp, "profile", "u1", R"({"zip":"1"})", vault::Expect::at(version), std::nullopt));
  };
  EXPECT_EQ(put(*current->version + 1).error().slug, "vault.record.version");
  EXPECT_TRUE(put(*current->version));
  EXPECT_EQ(put(*current->version).error().slug, "vault.record.version");
}

TEST_F(TrusteeTest, an_import_takes_good_rows_tells_bad_ones_and_may_be_repeated) {
  adopt();
  const std::string csv =
      "\xef\xbb\xbfsubject,email,birthdate\r\nu1,a@example.org,1990-01-01\r\nu2,\"b, c\",not a date\r\n,x,\r\nu3,c\r\n"
      "u4,d@example.org,\r\n";
  for (int round = 0; round < 2; ++round) {
    auto stream = trustee_->import(kApp, "profile", ImportFormat::csv, std::nullopt);
    ASSERT_TRUE(stream) << stream.error().text();
    for (const char c : csv) ASSERT_TRUE(run((*stream)->write(std::string(1, c))));  // cut anywhere
    const auto summary = run((*stream)->finish());
    ASSERT_TRUE(summary) << summary.error().text();
    EXPECT_EQ(summary->rows, 5u);
    EXPECT_EQ(summary->accepted, round == 0 ? 2u : 0u);
    EXPECT_EQ(summary->unchanged, round == 0 ? 0u : 2u);
    EXPECT_EQ(summary->rejected, 3u);
    ASSERT_EQ(summary->problems.size(), 3u);
    EXPECT_EQ(summary->problems[0].line, 3u);
    EXPECT_EQ(summary->problems[0].field, "birthdate");
    EXPECT_EQ(summary->problems[1].code, "record.subject");
    EXPECT_EQ(summary->problems[2].code, "record.cells");
  }
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1"))->payload,
            R"({"profile":{"email":"a@example.org","birthdate":"1990-01-01"}})");
}

TEST_F(TrusteeTest, a_deposit_that_is_refused_leaves_nobody_in_custody) {
  adopt();
  const auto put =
      run(trustee_->put_record(kApp, "profile", "u1", R"({"zip":"1"})", vault::Expect::at(5), std::nullopt));
  EXPECT_EQ(put.error().slug, "vault.record.version");
  const auto row = run(trustee_->append_row(kApp, "views", "u1", std::string(513, 'k'), R"({"video":"v"})"));
  EXPECT_EQ(row.error().slug, "vault.row.key");
  EXPECT_EQ(row.error().where, "event");
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "vault.subject.unknown");
}

TEST_F(TrusteeTest, what_names_a_row_has_to_fit_into_a_path) {
  adopt();
  const auto import = [&](ImportFormat format, std::string text) {
    auto stream = trustee_->import(kApp, "views", format, std::nullopt);
    EXPECT_TRUE(run((*stream)->write(std::move(text))));
    return *run((*stream)->finish());
  };
  const ImportSummary csv = import(ImportFormat::csv, "subject,event,video\nJ\xfcrgen,1,v\nu1,\xff,v\nu1,2,v\n");
  EXPECT_EQ(csv.accepted, 1u);
  ASSERT_EQ(csv.problems.size(), 2u);
  EXPECT_EQ(csv.problems[0].code, "vault.subject.id");
  EXPECT_EQ(csv.problems[0].field, "subject");
  EXPECT_EQ(csv.problems[1].code, "vault.row.key");
  EXPECT_EQ(csv.problems[1].field, "event");
  const std::string long_key(513, 'k');
  const ImportSummary json =
      import(ImportFormat::ndjson, "{\"subject\":\"u\\u0000\",\"event\":\"1\"}\n{\"subject\":\"u1\",\"event\":\"" +
                                       long_key + "\"}\n{\"subject\":\"u1\",\"event\":\"3\"}\n");
  EXPECT_EQ(json.accepted, 1u) << "one bad key is no reason to refuse the others of its subject";
  ASSERT_EQ(json.problems.size(), 2u);
  EXPECT_EQ(json.problems[1].line, 2u);
}

TEST_F(TrusteeTest, an_import_again_under_its_key_is_told_the_same_and_another_body_is_refused) {
  adopt();
  const auto import = [&](const std::string& text) {
    auto stream = trustee_->import(kApp, "views", ImportFormat::ndjson, "k");
    for (const char c : text) EXPECT_TRUE(run((*stream)->write(std::string(1, c))));
    return run((*stream)->finish());
  };
  const std::string rows = "{\"subject\":\"u1\",\"event\":\"1\"}\n{\"subject\":\"u1\"}\n";
  const auto first = import(rows), again = import(rows);
  EXPECT_EQ(first->accepted, 1u);
  EXPECT_EQ(again->accepted, 1u);
  EXPECT_EQ(again->last_receipt, first->last_receipt);
  ASSERT_EQ(again->problems.size(), 1u);
  EXPECT_EQ(again->problems[0].detail, first->problems[0].detail);
  EXPECT_EQ(import("{\"subject\":\"u2\",\"event\":\"1\"}\n").error().slug, "idempotency.reused");
  EXPECT_EQ(run(trustee_->disclose(kApp, "history", "u2")).error().slug, "vault.subject.unknown");
}

TEST_F(TrusteeTest, an_import_of_what_is_held_already_keeps_it_anew) {
  adopt();
  const auto import = [&] {
    auto stream = trustee_->import(kApp, "profile", ImportFormat::csv, std::nullopt);
    EXPECT_TRUE(run((*stream)->write("subject,zip\nu1,1\n")));
    return *run((*stream)->finish());
  };
  EXPECT_EQ(import().accepted, 1u);
  clock_.advance(std::chrono::hours(24 * 365 * 4));
  const ImportSummary again = import();
  EXPECT_EQ(again.unchanged, 1u);
  EXPECT_GT(again.last_receipt, 0u) << "it is written, so it is on record";
  clock_.advance(std::chrono::hours(24 * 365 * 4));
  EXPECT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));
}

TEST_F(TrusteeTest, a_row_is_passed_over_with_its_place) {
  adopt();
  const auto import = [&](ImportFormat format, const std::string& text) {
    auto stream = trustee_->import(kApp, "views", format, std::nullopt);
    if (auto taken = run((*stream)->write(text)); !taken) return Result<ImportSummary>(tl::unexpected(taken.error()));
    return run((*stream)->finish());
  };
  const auto long_line =
      import(ImportFormat::ndjson, "\xef\xbb\xbf{\"subject\":\"u1\",\"event\":\"1\"}\n{\"subject\":\"" +
                                       std::string(2u << 20, 'x') + "\n{\"subject\":\"u1\",\"event\":\"3\"}\n");
  ASSERT_TRUE(long_line) << long_line.error().text();
  EXPECT_EQ(long_line->accepted, 2u);
  ASSERT_EQ(long_line->problems.size(), 1u);
  EXPECT_EQ(long_line->problems[0].line, 2u);
  EXPECT_EQ(import(ImportFormat::csv, "subject,video\nu1,v\n").error().where, "event");
  EXPECT_EQ(import(ImportFormat::csv, "").error().slug, "record.header");
  ASSERT_TRUE(import(ImportFormat::csv, "subject,event,video\nu1,4, v \n"));
  EXPECT_THAT(run(trustee_->disclose(kApp, "history", "u1"))->payload, HasSubstr("\" v \"")) << "as it came";
  for (const auto& [text, where] : {std::pair<const char*, const char*>{"{\"zip\":\"1\",}", "byte 12"},
                                    {"{\"zip\":\"1\",\"zip\":\"1\"}", "zip"},
                                    {"{\"zip\":\"1\"} x", "byte 13"},
                                    {"{\"zip\":", "byte 8"},
                                    {"{\"subject\":\"u1\"}", "subject"}}) {
    const auto put = run(trustee_->put_record(kApp, "profile", "u1", text, vault::Expect::anything(), std::nullopt));
    EXPECT_EQ(put.error().where, where) << put.error().text();
  }
}

TEST_F(TrusteeTest, an_import_of_many_subjects_is_recorded_some_at_a_time) {
  adopt();
  constexpr std::size_t kSubjects = 4097;  // more than two entries hold
  std::string rows;
  for (std::size_t i = 0; i < 2 * kSubjects; ++i) {
    rows += "{\"subject\":\"u" + std::to_string(i % kSubjects) + "\",\"event\":\"" + std::to_string(i) +
            "\",\"video\":\"v\"}\n";
  }
  auto stream = trustee_->import(kApp, "views", ImportFormat::ndjson, std::nullopt);
  ASSERT_TRUE(run((*stream)->write(rows)));
  const auto summary = run((*stream)->finish());
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->accepted, 2 * kSubjects);
  EXPECT_EQ(summary->last_receipt, summary->first_receipt + 2);
  for (const std::size_t i : {std::size_t{0}, std::size_t{2500}, 2 * kSubjects - 1}) {
    const std::string subject = "u" + std::to_string(i % kSubjects);
    EXPECT_EQ(run(trustee_->append_row(kApp, "views", subject, std::to_string(i), R"({"video":"v"})"))->outcome,
              Deposit::Outcome::unchanged);
  }
}

TEST_F(TrusteeTest, rows_that_came_before_an_erasure_do_not_bring_the_subject_back) {
  adopt();
  const auto begin = [&](std::optional<std::string> key) {
    return std::move(*trustee_->import(kApp, "views", ImportFormat::ndjson, std::move(key)));
  };
  const auto row = [](const char* subject, const char* event) {
    return std::string("{\"subject\":\"") + subject + "\",\"event\":\"" + event + "\",\"video\":\"v\"}\n";
  };
  const auto erase = [&](const char* subject) {
    const auto done = run(trustee_->erase(kApp, subject));
    ASSERT_TRUE(done) << done.error().text();
  };
  const auto is_there = [&](const char* subject) {
    return run(trustee_->disclose(kApp, "history", subject)).has_value();
  };
  for (const char* subject : {"u1", "u2"}) deposit(subject);

  auto waiting = begin(std::nullopt);
  ASSERT_TRUE(run(waiting->write(row("u1", "1") + row("u2", "1"))));
  erase("u1");
  const auto summary = run(waiting->finish());
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->accepted, 1u);
  ASSERT_EQ(summary->problems.size(), 1u);
  EXPECT_EQ(summary->problems[0].code, "subject.erased");
  EXPECT_EQ(summary->problems[0].line, 1u);
  EXPECT_FALSE(is_there("u1"));
  EXPECT_TRUE(is_there("u2"));

  // One that broke off, and is sent again under its key: it began before the erasure.
  {
    auto broken = begin("k");
    ASSERT_TRUE(run(broken->write(row("u2", "2"))));
  }
  erase("u2");
  for (const bool restarted : {false, true}) {
    if (restarted) open();
    auto again = begin("k");
    ASSERT_TRUE(run(again->write(row("u2", "2"))));
    EXPECT_EQ(run(again->finish())->rejected, 1u);
    EXPECT_FALSE(is_there("u2"));
  }
  auto anew = begin("k2");
  ASSERT_TRUE(run(anew->write(row("u2", "2"))));
  EXPECT_EQ(run(anew->finish())->accepted, 1u) << "another request, after the erasure";
}

TEST_F(TrusteeTest, a_row_that_is_sent_again_after_an_erasure_does_not_bring_the_subject_back) {
  adopt();
  const auto append = [&](const char* video, const char* key) {
    return run(trustee_->append_row(kApp, "views", "u1", "1", std::string("{\"video\":\"") + video + "\"}", key));
  };
  const auto first = append("v", "k");
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(append("v", "k")->receipt, first->receipt) << "what the first call answered";
  EXPECT_EQ(append("other", "k").error().slug, "idempotency.reused");
  ASSERT_TRUE(run(trustee_->erase(kApp, "u1")));
  EXPECT_EQ(append("v", "k").error().slug, "idempotency.erased");
  EXPECT_TRUE(append("v", "k2"));
}

TEST_F(TrusteeTest, a_damaged_agreement_keeps_the_server_from_starting) {
  adopt();
  trustee_.reset();
  const std::vector<std::string> names = *store_->list_blobs("agreement/", "", 10);
  ASSERT_EQ(names.size(), 1u);
  ASSERT_TRUE(store_->delete_blobs(names));
  const auto started = start_on(*store_);
  ASSERT_FALSE(started) << "it would answer that no agreement was ever adopted";
  EXPECT_EQ(started.error().slug, "agreement.document.missing");
  EXPECT_EQ(started.error().where, names[0]);
}

TEST_F(TrusteeTest, imports_share_the_room_for_what_waits) {
  TrusteeOptions options;
  options.import_bytes_max = 1000;
  open(std::move(options));
  adopt();
  const auto begin = [&] { return std::move(*trustee_->import(kApp, "views", ImportFormat::ndjson, std::nullopt)); };
  const auto row = [](const std::string& event) {
    return "{\"subject\":\"u1\",\"event\":\"" + event + "\",\"video\":\"" + std::string(600, 'v') + "\"}\n";
  };
  const auto entries = [&] { return trustee_->log().size(); };
  auto first = begin(), second = begin();
  const std::uint64_t before = entries();
  ASSERT_TRUE(run(first->write(row("1"))));
  EXPECT_EQ(entries(), before) << "there is room: rows wait for more";
  ASSERT_TRUE(run(second->write(row("2"))));
  EXPECT_EQ(entries(), before + 1) << "there is none";
  auto third = begin();
  ASSERT_TRUE(run(third->write(row("3"))));
  EXPECT_EQ(entries(), before + 2);
  ASSERT_EQ(run(first->finish())->accepted, 1u);
  first.reset();
  ASSERT_TRUE(run(third->write(row("4"))));
  EXPECT_EQ(entries(), before + 3) << "the first's room is free, and the row waits";
  ASSERT_EQ(run(second->finish())->accepted, 1u);
  ASSERT_EQ(run(third->finish())->accepted, 2u);
}

TEST_F(TrusteeTest, rows_are_appended_once) {
  adopt();
  auto stream = trustee_->import(kApp, "views", ImportFormat::ndjson, "file-1");
  ASSERT_TRUE(
      run((*stream)->write("{\"subject\":\"u1\",\"event\":\"e1\",\"video\":\"v1\"}\n"
                           "{\"subject\":\"u1\",\"event\":\"e2\",\"video\":\"v2\"}\n{\"subject\"")));
  ASSERT_TRUE(run((*stream)->write(":\"u1\",\"event\":\"e1\",\"video\":\"other\"}\nnot json")));
  const auto summary = run((*stream)->finish());
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->accepted, 2u);
  EXPECT_EQ(summary->rejected, 2u);
  EXPECT_EQ(run(trustee_->append_row(kApp, "views", "u1", "e1", R"({"video":"v1"})"))->outcome,
            Deposit::Outcome::unchanged);
  EXPECT_EQ(run(trustee_->append_row(kApp, "views", "u1", "e1", R"({"video":"v9"})")).error().slug,
            "vault.record.exists");
  EXPECT_EQ(run(trustee_->disclose(kApp, "history", "u1"))->payload, R"({"views":[{"video":"v1"},{"video":"v2"}]})");
}

TEST_F(TrusteeTest, the_next_agreement_takes_effect_at_once_and_needs_the_old_quorum) {
  adopt();
  deposit("u1");
  EXPECT_EQ(run(trustee_->adopt(kTrustee, signed_by(agreement(3), 3))).error().slug, "agreement.version.stale");
  EXPECT_EQ(run(trustee_->adopt(kTrustee, signed_by(agreement(2), 1))).error().slug, "agreement.quorum");
  std::string narrowed = agreement(2);
  replace(narrowed, "zip: first 3", "zip: first 1");
  ASSERT_TRUE(run(trustee_->adopt(kTrustee, signed_by(narrowed, 3))));
  EXPECT_THAT(run(trustee_->disclose(kOperator, "support", "u1"))->payload, HasSubstr(R"("zip":"9")"));
}

TEST_F(TrusteeTest, of_two_that_bring_the_same_version_at_once_the_one_on_record_has_its_document_kept) {
  adopt();
  for (int version = 2; version <= 25; ++version) {
    Note first = *Note::create(agreement(version)), second = *Note::create(agreement(version));
    for (const std::size_t i : {0u, 1u, 2u}) first.sign(keys_[i]);
    for (const std::size_t i : {2u, 1u, 0u}) second.sign(keys_[i]);  // as good, and another text
    const std::string notes[] = {first.encode(), second.encode()};
    ASSERT_NE(notes[0], notes[1]);
    std::array<bool, 2> adopted{};
    {
      std::jthread other([&] { adopted[1] = run(trustee_->adopt(kTrustee, notes[1])).has_value(); });
      adopted[0] = run(trustee_->adopt(kTrustee, notes[0])).has_value();
    }
    ASSERT_NE(adopted[0], adopted[1]);
    const auto kept = store_->get_blob("agreement/" + to_hex(sha256(agreement(version)).view()));
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ(**kept, notes[adopted[0] ? 0 : 1]) << version;
  }
}

TEST_F(TrusteeTest, an_import_ends_when_another_agreement_comes_into_force) {
  adopt();
  auto stream = trustee_->import(kApp, "profile", ImportFormat::csv, std::nullopt);
  ASSERT_TRUE(run((*stream)->write("subject,zip\nu1,1\n")));
  ASSERT_TRUE(run(trustee_->adopt(kTrustee, signed_by(agreement(2), 3))));
  EXPECT_EQ(run((*stream)->finish()).error().slug, "agreement.version.stale") << "its rows were read by the other";
  EXPECT_EQ(run(trustee_->disclose(kApp, "account", "u1")).error().slug, "vault.record.unknown");
}

TEST_F(TrusteeTest, a_tampered_agreement_is_the_callers_error_and_on_record) {
  adopt();
  deposit("u1");
  std::string tampered = signed_by(agreement(2), 3);
  replace(tampered, "zip: first 3", "zip: first 4");
  const auto refused = run(trustee_->adopt(kOperator, tampered));
  EXPECT_EQ(refused.error().slug, "note.signature.wrong");
  EXPECT_EQ(refused.error().code, Code::invalid);
  ASSERT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));  // by then the refusal above is durable
  const auto recorded = std::get<evidence::Refused>(entry(trustee_->log().size() - 2).event);
  EXPECT_EQ(recorded.reason, "note.signature.wrong");
  EXPECT_EQ(recorded.operation, "adopt");
}

TEST_F(TrusteeTest, a_deposit_that_an_adoption_overtakes_is_judged_anew) {
  adopt();
  std::vector<std::string> notes;
  for (int version = 2; version <= 12; ++version) notes.push_back(signed_by(agreement(version), 3));
  std::atomic<bool> adopting = true;
  std::atomic<int> deposited = 0;
  std::jthread adopter([&](const std::stop_token& stop) {
    for (std::string& note : notes) {
      const int before = deposited;
      EXPECT_TRUE(run(trustee_->adopt(kTrustee, std::move(note))));
      // One that is overtaken again and again is refused in the end, and rightly.
      while (deposited == before && !stop.stop_requested()) std::this_thread::yield();
    }
    adopting = false;
  });
  for (int i = 0; adopting; ++i, ++deposited) {
    const auto row = run(trustee_->append_row(kApp, "views", "u1", std::to_string(i), R"({"video":"v1"})"));
    ASSERT_TRUE(row) << row.error().text();
    const auto record = run(trustee_->put_record(kApp, "profile", "u1", R"({"zip":"94105"})", {}, std::nullopt));
    ASSERT_TRUE(record) << record.error().text();
  }
}

TEST_F(TrusteeTest, root_key_rotation_leaves_everything_readable) {
  adopt();
  deposit("u1");
  EXPECT_EQ(run(trustee_->rotate_root_key(kOperator)).error().slug, "caller.trustee");
  const auto before = roots_.ids();
  ASSERT_TRUE(run(trustee_->rotate_root_key(kTrustee)));
  EXPECT_NE(roots_.ids(), before);
  EXPECT_TRUE(run(trustee_->disclose(kApp, "account", "u1")));
}

}  // namespace
}  // namespace holdfast::trustee
