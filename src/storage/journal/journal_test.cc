#include "storage/journal/journal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/conformance_test.h"
#include "storage/scratch_test.h"

namespace holdfast::storage {
namespace {

using Read = std::pair<std::uint64_t, Bytes>;

class Files {
 public:
  Result<Journal*> open(Journal::Options options = {}) {
    all_.clear();
    HF_TRY(all_, Journal::open_all(folder(), options));
    if (all_.empty()) all_["log"] = std::make_unique<Journal>(folder(), "log", options);
    return all_.begin()->second.get();
  }
  Journal& must_open(Journal::Options options = {}) {
    const auto opened = open(options);
    if (opened) return **opened;
    ADD_FAILURE() << opened.error().text();
    std::abort();
  }
  void close() { all_.clear(); }
  std::string folder() const { return scratch_ / "journals"; }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> out;
    for (const auto& file : std::filesystem::directory_iterator(folder())) out.push_back(file.path());
    std::ranges::sort(out);
    return out;
  }
  /// Rewrites the newest file, as `change` leaves it.
  void change(const std::function<void(std::string& bytes)>& change) {
    close();
    std::string bytes = slurp(files().back());
    change(bytes);
    std::ofstream(files().back(), std::ios::binary) << bytes;
  }

 private:
  Scratch scratch_;
  Journal::ByName all_;
};

void append(Journal& journal, ByteView packed) {
  const auto done = journal.append(journal.end(), 1, packed, {});
  EXPECT_TRUE(done) << done.error().text();
}

std::vector<Read> read(const Journal& journal) {
  std::vector<Read> out;
  const auto done = journal.hold().read(0, [&](std::uint64_t position, std::uint32_t, ByteView packed) {
    out.emplace_back(position, packed);
    return true;
  });
  EXPECT_TRUE(done) << done.error().text();
  return out;
}

/// Larger than a file's share of a few, so that files follow one another.
Bytes large(char c) { return Bytes(3u << 20, c); }

TEST(Journal, files_follow_one_another_and_go_when_what_is_in_them_is_trimmed) {
  Files files;
  {
    Journal& journal = files.must_open();
    for (const char c : {'a', 'b', 'c', 'd', 'e'}) append(journal, large(c));
    EXPECT_EQ(files.files().size(), 3u) << "two in each";
    journal.trim(3);
    append(journal, "f");
    EXPECT_EQ(files.files().size(), 2u) << "c is gone, d beside it is not";
    EXPECT_EQ(read(journal), (std::vector<Read>{{3, large('d')}, {4, large('e')}, {5, "f"}}));
  }
  Journal& again = files.must_open();
  EXPECT_EQ(read(again), (std::vector<Read>{{3, large('d')}, {4, large('e')}, {5, "f"}}));
  append(again, "g");
  EXPECT_EQ(again.end(), 7u);
}

TEST(Journal, what_a_power_cut_brought_back_of_trimmed_files_is_not_the_journals) {
  Files files;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c'}) append(journal, large(c));
  const auto first = files.files().front();
  const std::string bytes = slurp(first);
  journal.trim(2);
  append(journal, "d");
  ASSERT_FALSE(std::filesystem::exists(first));
  files.close();
  std::ofstream(first, std::ios::binary) << bytes.substr(0, 5000);
  EXPECT_EQ(read(files.must_open()), (std::vector<Read>{{2, large('c')}, {3, "d"}}));
  EXPECT_FALSE(std::filesystem::exists(first));
}

TEST(Journal, while_it_is_held_nothing_is_trimmed) {
  Files files;
  Journal& journal = files.must_open();
  append(journal, "a");
  {
    const auto held = journal.hold();
    journal.trim(1);
    append(journal, "b");
    EXPECT_EQ(read(journal).size(), 2u);
  }
  append(journal, "c");
  EXPECT_EQ(read(journal), (std::vector<Read>{{1, "b"}, {2, "c"}}));
}

TEST(Journal, a_copy_is_what_was_held_whatever_is_appended_meanwhile) {
  Files files;
  const Scratch elsewhere;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c'}) append(journal, large(c));
  {
    const auto held = journal.hold();
    for (const char c : {'d', 'e'}) append(journal, large(c));  // the file that "c" is in ends, and becomes shorter
    journal.trim(5);
    ASSERT_TRUE(held.copy_to(elsewhere / ""));
  }
  const auto copies = Journal::open_all(elsewhere / "", {});
  ASSERT_TRUE(copies) << copies.error().text();
  EXPECT_EQ(read(*copies->at("log")), (std::vector<Read>{{0, large('a')}, {1, large('b')}, {2, large('c')}}));
}

TEST(Journal, the_end_of_a_record_that_was_not_written_whole_is_cut_and_written_over) {
  const auto after = [](const std::function<void(std::string&)>& change) {
    Files files;
    Journal& journal = files.must_open();
    append(journal, "first");
    append(journal, Bytes(10'000, 'x'));
    files.change(change);
    Journal& again = files.must_open();
    EXPECT_EQ(read(again), (std::vector<Read>{{0, "first"}}));
    append(again, "second");
    const auto both = read(files.must_open());
    EXPECT_EQ(both, (std::vector<Read>{{0, "first"}, {1, "second"}}));
  };
  after([](std::string& bytes) { bytes[bytes.find_last_not_of('\0')] = '\0'; });
  after([](std::string& bytes) { bytes.replace(kBlock, 512, Bytes(512, '\0')); });
  after([](std::string& bytes) { bytes.replace(kBlock + 2'048, 512, Bytes(512, '\0')); });
  after([](std::string& bytes) { bytes.replace(kBlock + 20, 15'000, Bytes(15'000, '\0')); });
}

TEST(Journal, a_file_that_was_cut_shorter_is_named) {
  const std::size_t large_size = record_size(large('a').size());
  struct Case {
    std::size_t records, left, entries_left;
  };
  for (const Case& one : {Case{1, 0, 0}, Case{1, 10, 0}, Case{1, large_size - kBlock, 0}, Case{1, large_size, 1},
                          Case{1, large_size + 10, 1}, Case{2, large_size, 1}, Case{2, large_size + kBlock, 1},
                          Case{3, 0, 2}, Case{3, kBlock, 2}}) {
    Files files;
    Journal& journal = files.must_open();
    for (std::size_t i = 0; i < one.records; ++i) append(journal, large('a'));
    files.change([&one](std::string& bytes) { bytes.resize(one.left); });
    for (const bool read_only : {true, false}) {
      const auto opened = files.open({.read_only = read_only});
      ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt")) << one.records << " " << one.left;
      EXPECT_EQ(opened.error().where, files.files().back());
    }
    EXPECT_EQ(files.must_open({.drop_damaged = true}).end(), one.entries_left);
    append(files.must_open(), "next");
    EXPECT_EQ(files.must_open().end(), one.entries_left + 1);
  }
}

TEST(Journal, zeros_that_are_gone_are_no_loss) {
  Files files;
  append(files.must_open(), "a");
  files.change([](std::string& bytes) { bytes.resize(2 * kBlock + 10); });
  append(files.must_open(), Bytes(10'000, 'b'));
  EXPECT_EQ(files.must_open().end(), 2u);
}

TEST(Journal, rot_is_named_and_never_taken_for_a_torn_end) {
  for (const std::size_t at :
       {std::size_t{2}, std::size_t{40}, std::size_t{60}, kBlock + 1, kBlock + 30, kBlock + 600}) {
    Files files;
    Journal& journal = files.must_open();
    append(journal, Bytes(100, 'x'));
    append(journal, Bytes(1'000, 'y'));
    files.change([&](std::string& bytes) { bytes[at] ^= 4; });
    const auto opened = files.open();
    ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt")) << at;
    EXPECT_EQ(opened.error().where, files.files().back());
    EXPECT_EQ(files.must_open({.drop_damaged = true}).end(), at < kBlock ? 0u : 1u);
    EXPECT_EQ(files.must_open().end(), at < kBlock ? 0u : 1u) << "what was dropped is gone";
  }
}

TEST(Journal, damage_in_a_file_before_the_last_is_named_and_drops_what_follows) {
  Files files;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c'}) append(journal, large(c));
  const auto first = files.files().front();
  files.close();
  damage(first, std::size_t{4} << 20);
  const auto opened = files.open();
  ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(opened.error().where, first);
  Journal& reduced = files.must_open({.drop_damaged = true});
  EXPECT_EQ(read(reduced), (std::vector<Read>{{0, large('a')}}));
  append(reduced, "b");
  EXPECT_EQ(files.must_open().end(), 2u);
}

TEST(Journal, what_is_left_of_damage_goes_on_from_where_it_began) {
  Files files;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c', 'd'}) append(journal, large(c));
  journal.trim(3);
  append(journal, "e");  // says that the journal begins at 3, as nothing before does
  append(journal, "f");
  files.change([](std::string& bytes) {
    bytes[bytes.find("e\x55")] ^= 4;  // with the end of its record
  });
  ASSERT_TRUE(fails(files.open(), Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(files.must_open({.read_only = true, .drop_damaged = true}).end(), 4u);
  ASSERT_TRUE(fails(files.open(), Code::corrupt, "storage.corrupt")) << "it only looked";
  EXPECT_EQ(files.must_open({.drop_damaged = true}).end(), 4u);
  Journal& again = files.must_open();
  EXPECT_EQ(read(again), (std::vector<Read>{{3, large('d')}}));
  append(again, "g");
  EXPECT_EQ(read(files.must_open()), (std::vector<Read>{{3, large('d')}, {4, "g"}}));
}

TEST(Journal, what_is_left_goes_on_also_if_the_record_that_trimmed_is_lost) {
  Files files;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c', 'd'}) append(journal, large(c));
  journal.trim(3);
  append(journal, "e");
  ASSERT_EQ(files.files().size(), 1u) << "a and b are gone, as only e says";
  files.change([](std::string& bytes) {
    bytes[bytes.find("e\x55")] ^= 4;  // with the end of its record
  });
  const auto opened = files.open();
  ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(opened.error().where, files.files().back());
  EXPECT_EQ(files.must_open({.drop_damaged = true}).end(), 4u);
  const std::vector<Read> left{{2, large('c')}, {3, large('d')}};
  EXPECT_EQ(read(files.must_open()), left);
}

TEST(Journal, its_newest_record_says_how_far_the_databases_were) {
  Files files;
  const Marks first{1, 2, 3}, second{4, 5, ~std::uint64_t{0}}, lower{1, 1, 1};
  Journal& journal = files.must_open();
  EXPECT_EQ(journal.marks(), Marks{});
  ASSERT_TRUE(journal.mark(first));
  EXPECT_EQ(journal.marks(), Marks{}) << "there is none to say it";
  ASSERT_TRUE(journal.append(0, 1, "a", first));
  ASSERT_TRUE(journal.append(1, 1, "b", second));
  EXPECT_EQ(files.must_open().marks(), second);
  ASSERT_TRUE(files.must_open().mark(lower));
  Journal& again = files.must_open();
  EXPECT_EQ(again.marks(), lower);
  EXPECT_EQ(again.end(), 2u);
  append(again, "c");
  EXPECT_EQ(read(files.must_open()).size(), 3u);
}

TEST(Journal, damage_in_what_is_trimmed_is_none) {
  Files files;
  const Scratch elsewhere;
  Journal& journal = files.must_open();
  for (const char* text : {"a", "b", "c", "d"}) append(journal, text);
  journal.trim(2);
  append(journal, "e");
  files.change([](std::string& bytes) { bytes[kBlock + 2] ^= 4; });
  Journal& again = files.must_open();
  const std::vector<Read> live{{2, "c"}, {3, "d"}, {4, "e"}};
  EXPECT_EQ(read(again), live);
  ASSERT_TRUE(again.hold().copy_to(elsewhere / ""));
  const auto copies = Journal::open_all(elsewhere / "", {});
  ASSERT_TRUE(copies) << copies.error().text();
  EXPECT_EQ(read(*copies->at("log")), live);
  files.change([](std::string& bytes) { bytes[2 * kBlock + 2] ^= 4; });
  EXPECT_TRUE(fails(files.open(), Code::corrupt, "storage.corrupt"));
}

TEST(Journal, damage_met_by_a_copy_is_the_files_own) {
  Files files;
  const Scratch elsewhere;
  Journal& journal = files.must_open();
  append(journal, "a");
  append(journal, "b");
  damage(files.files().front(), kBlock + 1);
  const auto copied = journal.hold().copy_to(elsewhere / "");
  ASSERT_TRUE(fails(copied, Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(copied.error().where, files.files().front());
}

TEST(Journal, a_file_that_is_gone_is_named) {
  for (const std::size_t which : {0, 1, 2}) {
    Files files;
    Journal& journal = files.must_open();
    for (const char c : {'a', 'b', 'c', 'd', 'e'}) append(journal, large(c));
    const auto gone = files.files().at(which);
    files.close();
    std::filesystem::remove(gone);
    const auto left = files.files();
    for (const bool drop : {false, true}) {
      for (const bool read_only : {true, false}) {
        if (drop && (which < 2 || !read_only)) continue;  // what is left is the log's to judge
        const auto opened = files.open({.read_only = read_only, .drop_damaged = drop});
        ASSERT_TRUE(fails(opened, Code::not_found, "storage.part.missing")) << which;
        EXPECT_EQ(opened.error().where, gone);
        EXPECT_EQ(files.files(), left) << "nothing is made in its place";
      }
    }
    EXPECT_TRUE(Journal::require_begun(files.folder(), {{"journals/log.*", 0}})) << "others say which is gone";
  }
}

TEST(Journal, a_first_file_that_is_gone_is_not_named_by_a_number_that_it_never_had) {
  Files files;
  Journal& journal = files.must_open();
  append(journal, Bytes(3u << 20, 'a'));
  append(journal, Bytes(3u << 20, 'b'));
  append(journal, Bytes(3u << 20, 'c'));
  journal.trim(1);
  append(journal, "d");
  ASSERT_EQ(files.files().size(), 2u);
  const auto gone = files.files().front(), next = files.files().back();
  files.close();
  std::filesystem::remove(gone);
  const auto opened = files.open();
  ASSERT_TRUE(fails(opened, Code::not_found, "storage.part.missing"));
  EXPECT_EQ(opened.error().where, files.folder() + "/log.*");
  EXPECT_NE(opened.error().what.find(next), std::string::npos) << opened.error().what;
}

TEST(Journal, a_file_that_was_begun_and_has_nothing_yet_is_no_loss) {
  Files files;
  Journal& journal = files.must_open();
  for (const char c : {'a', 'b', 'c'}) append(journal, large(c));
  const auto nothing_yet = [](std::string& bytes) { bytes = Bytes(1u << 20, '\0'); };
  files.change(nothing_yet);
  Journal& again = files.must_open();
  EXPECT_EQ(again.end(), 2u);
  append(again, "c");
  EXPECT_EQ(files.must_open().end(), 3u);
  files.close();
  std::ofstream(files.folder() + "/log.00000000000000000003").flush();
  EXPECT_EQ(files.must_open().end(), 3u) << "of which nothing says that it is there";
  std::filesystem::remove(files.files().back());
  files.change(nothing_yet);
  damage(files.files().front(), std::size_t{4} << 20);  // "b"
  const auto opened = files.open();
  ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(opened.error().where, files.files().front());
  EXPECT_EQ(files.must_open({.drop_damaged = true}).end(), 1u);
  EXPECT_EQ(files.must_open().end(), 1u);
}

TEST(Journal, one_that_only_looks_changes_nothing) {
  Files files;
  append(files.must_open(), "a");
  files.change([](std::string& bytes) { bytes.replace(kBlock, 4, "torn"); });
  const std::string before = slurp(files.files().back());
  Journal& journal = files.must_open({.read_only = true});
  EXPECT_EQ(read(journal), (std::vector<Read>{{0, "a"}}));
  EXPECT_TRUE(fails(journal.append(1, 1, "b", {}), Code::unavailable, "storage.io"));
  EXPECT_EQ(slurp(files.files().back()), before);
}

}  // namespace
}  // namespace holdfast::storage
