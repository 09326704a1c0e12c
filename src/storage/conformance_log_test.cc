#include <atomic>
#include <thread>

#include "storage/conformance_test.h"

namespace holdfast::storage {

// ---- blobs

TEST_P(Conformance, blobs_stay_as_they_were_put) {
  const std::vector<Blob> blobs{{"tile/0/000", Bytes("\0\xff", 2)}, {"tile/0/001", ""}};
  ASSERT_TRUE(store_->put_blobs(blobs));
  EXPECT_TRUE(store_->put_blobs(blobs)) << "the same bytes again";
  const std::vector<Blob> other{{"tile/0/002", "new"}, {"tile/0/000", "other"}};
  EXPECT_TRUE(fails(store_->put_blobs(other), Code::conflict, "storage.blob.conflict"));
  const std::vector<Blob> twice{{"t", "1"}, {"t", "2"}};
  EXPECT_TRUE(fails(store_->put_blobs(twice), Code::conflict, "storage.blob.conflict"));
  reopen();
  EXPECT_EQ(*store_->get_blob("tile/0/000"), blobs[0].bytes);
  EXPECT_EQ(*store_->get_blob("tile/0/001"), "");
  EXPECT_EQ(*store_->get_blob("tile/0/00"), std::nullopt);
  EXPECT_EQ(*store_->get_blob("t"), std::nullopt);
}

TEST_P(Conformance, of_racing_blobs_one_content_wins) {
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Blob blob{"one", std::string(100, static_cast<char>('a' + t))};
      if (store_->put_blobs({&blob, 1})) ++won;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_P(Conformance, blobs_are_listed_and_deleted) {
  std::vector<Blob> blobs;
  for (const char* name : {"a", "t/0", "t/1", "t/2", "t/2x", "u"}) blobs.push_back({name, name});
  ASSERT_TRUE(store_->put_blobs(blobs));
  using Names = std::vector<std::string>;
  EXPECT_EQ(*store_->list_blobs("t/", "", 10), (Names{"t/0", "t/1", "t/2", "t/2x"}));
  EXPECT_EQ(*store_->list_blobs("t/", "t/0", 2), (Names{"t/1", "t/2"}));
  EXPECT_EQ(*store_->list_blobs("t/", "t/00", 1), (Names{"t/1"}));
  EXPECT_EQ(*store_->list_blobs("t/", "a", 1), (Names{"t/0"}));
  EXPECT_EQ(*store_->list_blobs("t/", "t/2x", 9), (Names{}));
  EXPECT_EQ(*store_->list_blobs("t/2", "t/2", 9), (Names{"t/2x"}));
  EXPECT_EQ(store_->list_blobs("", "", 9)->size(), 6u);
  const Names gone{"t/1", "absent"};
  ASSERT_TRUE(store_->delete_blobs(gone));
  EXPECT_EQ(*store_->list_blobs("t/", "", 10), (Names{"t/0", "t/2", "t/2x"}));
  const Blob anew{"t/1", "other"};
  EXPECT_TRUE(store_->put_blobs({&anew, 1})) << "a deleted name is free";
}

TEST_P(Conformance, names_have_a_grammar) {
  for (const Bytes& name : {Bytes(), Bytes("a b"), Bytes("a\0b", 3), Bytes("ü"), Bytes(201, 'a')}) {
    const Blob blob{name, "x"};
    EXPECT_TRUE(fails(store_->put_blobs({&blob, 1}), Code::invalid, "storage.name.malformed"));
    EXPECT_TRUE(fails(store_->get_blob(name), Code::invalid, "storage.name.malformed"));
    EXPECT_TRUE(fails(store_->end(name), Code::invalid, "storage.name.malformed"));
    EXPECT_TRUE(fails(store_->acquire(name, "o", std::chrono::seconds(1)), Code::invalid, "storage.name.malformed"));
  }
  const Blob longest{Bytes(200, 'a'), "x"};
  EXPECT_TRUE(store_->put_blobs({&longest, 1}));
  const Blob huge{"huge", Bytes(kBlobBytesMax + 1, 'x')};
  EXPECT_TRUE(fails(store_->put_blobs({&huge, 1}), Code::invalid, "storage.blob.size"));
}

// ---- journals

TEST_P(Conformance, a_journal_gives_back_whole_batches_in_order) {
  const auto token = lease("log");
  EXPECT_EQ(*store_->end("log"), 0u);
  ASSERT_TRUE(store_->append("log", 0, 3, "abc", token));
  ASSERT_TRUE(store_->append("log", 3, 1, "d", token));
  ASSERT_TRUE(store_->append("log", 4, 300, Bytes(100'000, 'e'), token));
  reopen();
  EXPECT_EQ(*store_->end("log"), 304u);
  const Read first{0, 3, "abc"}, second{3, 1, "d"}, third{4, 300, Bytes(100'000, 'e')};
  EXPECT_EQ(read("log", 0), (std::vector<Read>{first, second, third}));
  EXPECT_EQ(read("log", 2), (std::vector<Read>{first, second, third})) << "the batch that holds entry 2 is whole";
  EXPECT_EQ(read("log", 3), (std::vector<Read>{second, third}));
  EXPECT_EQ(read("log", 303), (std::vector<Read>{third}));
  EXPECT_TRUE(read("log", 304).empty());
  EXPECT_EQ(read("log", 0, 1), (std::vector<Read>{first}));
  EXPECT_TRUE(read("log2", 0).empty());
}

TEST_P(Conformance, an_append_lands_at_the_end_or_not_at_all) {
  const auto token = lease("log");
  ASSERT_TRUE(store_->append("log", 0, 2, "ab", token));
  EXPECT_TRUE(fails(store_->append("log", 0, 1, "x", token), Code::conflict, "storage.journal.position"));
  EXPECT_TRUE(fails(store_->append("log", 1, 1, "x", token), Code::conflict, "storage.journal.position"));
  EXPECT_TRUE(fails(store_->append("log", 3, 1, "x", token), Code::conflict, "storage.journal.position"));
  EXPECT_TRUE(fails(store_->append("log", 2, 0, "", token), Code::invalid, "storage.journal.batch"));
  EXPECT_EQ(*store_->end("log"), 2u);
  EXPECT_EQ(read("log", 0).size(), 1u);
}

TEST_P(Conformance, an_append_takes_away_what_was_trimmed_and_the_end_never_moves_back) {
  const auto token = lease("log");
  for (std::uint64_t at = 0; at < 10; at += 2) ASSERT_TRUE(store_->append("log", at, 2, std::to_string(at), token));
  ASSERT_TRUE(store_->trim("log", 5));
  ASSERT_TRUE(store_->append("log", 10, 1, "10", token));
  EXPECT_EQ(read("log", 0), (std::vector<Read>{{4, 2, "4"}, {6, 2, "6"}, {8, 2, "8"}, {10, 1, "10"}}))
      << "4 and 5 are one batch";
  ASSERT_TRUE(store_->trim("log", 1000));
  ASSERT_TRUE(store_->trim("absent", 1000));
  ASSERT_TRUE(store_->append("log", 11, 1, "11", token));
  EXPECT_EQ(read("log", 0), (std::vector<Read>{{11, 1, "11"}}));
  ASSERT_TRUE(store_->trim("log", 1000));
  reopen();
  EXPECT_EQ(*store_->end("log"), 12u);
  const auto next = lease("log");
  EXPECT_TRUE(fails(store_->append("log", 0, 1, "x", next), Code::conflict, "storage.journal.position"));
  ASSERT_TRUE(store_->trim("log", 1000));
  ASSERT_TRUE(store_->append("log", 12, 1, "on", next));
  EXPECT_EQ(read("log", 0), (std::vector<Read>{{12, 1, "on"}}));
}

TEST_P(Conformance, journals_whose_names_begin_alike_are_apart) {
  const auto a = lease("log"), b = lease("log/b"), c = lease("lo");
  ASSERT_TRUE(store_->append("log", 0, 1, "a", a));
  ASSERT_TRUE(store_->append("log/b", 0, 2, "b", b));
  ASSERT_TRUE(store_->append("lo", 0, 3, "c", c));
  ASSERT_TRUE(store_->trim("log/b", 9));
  EXPECT_EQ(read("log", 0), (std::vector<Read>{{0, 1, "a"}}));
  EXPECT_EQ(read("lo", 0), (std::vector<Read>{{0, 3, "c"}}));
}

// ---- leases

TEST_P(Conformance, a_lease_has_one_holder_until_its_time_runs_out) {
  const auto first = lease("log", "a");
  const auto refused = store_->acquire("log", "b", std::chrono::seconds(10));
  ASSERT_TRUE(fails(refused, Code::conflict, "storage.lease.held"));
  EXPECT_EQ(refused.error().retry_after_s, 10);
  engine_->clock.advance(std::chrono::seconds(9));
  ASSERT_TRUE(store_->renew("log", first, std::chrono::seconds(10)));
  engine_->clock.advance(std::chrono::seconds(9));
  EXPECT_TRUE(fails(store_->acquire("log", "b", std::chrono::seconds(10)), Code::conflict, "storage.lease.held"));
  engine_->clock.advance(std::chrono::seconds(1));
  const auto second = lease("log", "b");
  EXPECT_GT(second, first);
  EXPECT_TRUE(fails(store_->renew("log", first, std::chrono::seconds(10)), Code::conflict, "storage.lease.lost"));
  EXPECT_TRUE(fails(store_->release("log", first), Code::conflict, "storage.lease.lost"));
  EXPECT_GT(lease("other", "a"), 0u) << "another lease is free";
  EXPECT_TRUE(fails(store_->acquire("log", "", std::chrono::seconds(1)), Code::invalid, "storage.lease.malformed"));
  EXPECT_TRUE(fails(store_->acquire("x", "a", std::chrono::seconds(0)), Code::invalid, "storage.lease.malformed"));
}

TEST_P(Conformance, tokens_only_grow) {
  const auto first = lease("log", "a");
  const auto again = lease("log", "a");
  EXPECT_GT(again, first) << "the holder may take it anew, which ends its older token";
  EXPECT_TRUE(fails(store_->renew("log", first, std::chrono::seconds(1)), Code::conflict, "storage.lease.lost"));
  ASSERT_TRUE(store_->release("log", again));
  EXPECT_TRUE(fails(store_->renew("log", again, std::chrono::seconds(1)), Code::conflict, "storage.lease.lost"));
  const auto third = lease("log", "b");
  EXPECT_GT(third, again);
  reopen();
  engine_->clock.advance(std::chrono::hours(1));
  EXPECT_GT(lease("log", "c"), third);
}

TEST_P(Conformance, only_the_newest_token_appends) {
  EXPECT_TRUE(fails(store_->append("log", 0, 1, "x", 0), Code::conflict, "storage.lease.lost"));
  EXPECT_TRUE(fails(store_->append("log", 0, 1, "x", 1), Code::conflict, "storage.lease.lost"));
  const auto old = lease("log", "a");
  ASSERT_TRUE(store_->append("log", 0, 1, "a", old));
  engine_->clock.advance(std::chrono::seconds(11));
  const auto next = lease("log", "b");
  EXPECT_TRUE(fails(store_->append("log", 1, 1, "late", old), Code::conflict, "storage.lease.lost"));
  ASSERT_TRUE(store_->append("log", 1, 1, "b", next));
  ASSERT_TRUE(store_->release("log", next));
  EXPECT_TRUE(fails(store_->append("log", 2, 1, "late", next), Code::conflict, "storage.lease.lost"));
  EXPECT_EQ(read("log", 0), (std::vector<Read>{{0, 1, "a"}, {1, 1, "b"}}));
}

TEST_P(Conformance, racing_writers_never_both_append) {
  std::atomic<std::uint64_t> appended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 30; ++round) {
        const auto token = store_->acquire("log", "same", std::chrono::seconds(10));  // each ends the others' token
        ASSERT_TRUE(token);
        const auto end = store_->end("log");
        ASSERT_TRUE(end);
        if (store_->append("log", *end, 1, std::to_string(t), *token)) ++appended;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(appended, 0u);
  EXPECT_EQ(*store_->end("log"), appended);
  EXPECT_EQ(read("log", 0).size(), appended);
}

}  // namespace holdfast::storage
