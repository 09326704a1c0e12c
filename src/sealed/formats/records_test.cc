#include "sealed/formats/records.h"

#include <gmock/gmock.h>

#include <random>

#include "disclosure/value.h"

namespace holdfast::sealed {
namespace {

using agreement::FieldType;

Bytes stored(FieldType type, std::string_view text) { return disclosure::value_from_text(type, text).value(); }

const std::vector<std::pair<FieldType, const char*>> kOneOfEach = {
    {FieldType::text, "Zoë"},      {FieldType::integer, "-42"},     {FieldType::decimal, "-12.50"},
    {FieldType::boolean, "true"},  {FieldType::date, "1990-04-01"}, {FieldType::time, "2026-11-23T22:00:00.5Z"},
    {FieldType::duration, "1.5s"}, {FieldType::bytes, "aGVsbG8="},  {FieldType::text_list, R"(["a","","c"])"}};

std::vector<ColumnShape> columns_of_each() {
  std::vector<ColumnShape> out;
  for (const auto& [type, _] : kOneOfEach) out.push_back({"c" + std::to_string(out.size()), type});
  return out;
}

/// Two tables, three subjects, with rows that have all values, some, and none.
Bytes sample() {
  auto writer = FrameWriter::create({{"views", columns_of_each()}, {"profile", {{"language", FieldType::text}}}});
  HF_ASSERT(writer);
  std::vector<Bytes> all;
  for (const auto& [type, text] : kOneOfEach) all.push_back(stored(type, text));
  std::vector<ByteView> views(all.begin(), all.end());
  std::vector<ByteView> none(all.size());
  const Bytes language = stored(FieldType::text, "de");
  writer->begin_subject();
  HF_ASSERT(writer->add(0, views));
  HF_ASSERT(writer->add(0, none));
  writer->begin_subject();
  HF_ASSERT(writer->add(1, std::vector<ByteView>{language}));
  writer->begin_subject();
  views[0] = {};
  HF_ASSERT(writer->add(0, views));
  Bytes out;
  HF_ASSERT(writer->size_bytes() > 0 && writer->finish(out));
  return out;
}

std::string json_of(ByteView frame) {
  const auto read = read_frame(frame);
  if (!read) return read.error().text();
  std::string out;
  append_json(out, *read);
  return out;
}

TEST(Records, EveryTypeComesBackAsTheJsonItIsSpeltIn) {
  const Bytes frame = sample();
  const std::string all =
      R"("c1":-42,"c2":"-12.5","c3":true,"c4":"1990-04-01","c5":"2026-11-23T22:00:00.500Z","c6":1.5,)"
      R"("c7":"aGVsbG8=","c8":["a","","c"]})";
  EXPECT_EQ(json_of(frame), R"({"views":[{"c0":"Zoë",)" + all + ",{},{" + all + R"(],"profile":[{"language":"de"}]})");
}

TEST(Records, RowsLieBySubject) {
  const Bytes frame = sample();
  const auto read = read_frame(frame);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->subjects, 3u);
  std::vector<std::size_t> views, profiles;
  for (std::size_t s = 0; s <= 3; ++s) {
    views.push_back(read->tables[0].first_row(s));
    profiles.push_back(read->tables[1].first_row(s));
  }
  EXPECT_THAT(views, testing::ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(profiles, testing::ElementsAre(0, 0, 1, 1));
}

TEST(Records, AWriterMakesTheNextFrameAsIfItWereNew) {
  auto writer = FrameWriter::create({{"t", columns_of_each()}});
  ASSERT_TRUE(writer);
  std::vector<Bytes> all;
  for (const auto& [type, text] : kOneOfEach) all.push_back(stored(type, text));
  Bytes first, second;
  for (Bytes* out : {&first, &second}) {
    writer->begin_subject();
    ASSERT_TRUE(writer->add(0, std::vector<ByteView>(all.begin(), all.end())));
    ASSERT_TRUE(writer->finish(*out));
    EXPECT_TRUE(read_frame(*out));
  }
  EXPECT_EQ(first, second);
}

TEST(Records, AStoredValueOfAnotherTypeIsRefused) {
  auto writer = FrameWriter::create({{"t", {{"n", FieldType::integer}}}});
  ASSERT_TRUE(writer);
  writer->begin_subject();
  const Bytes text = stored(FieldType::text, "5");
  const auto added = writer->add(0, std::vector<ByteView>{text});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().slug, "sealed.frame.stored");
  EXPECT_EQ(added.error().where, "t.n");
}

TEST(Records, ShapesWithoutNamesOrColumnsOrWithTwiceTheSameAreRefused) {
  const std::vector<std::vector<TableShape>> bad = {{},
                                                    {{"", {{"a", {}}}}},
                                                    {{"t", {}}},
                                                    {{"t", {{"a", {}}, {"a", {}}}}},
                                                    {{"t", {{"a", {}}}}, {"t", {{"a", {}}}}},
                                                    {{std::string(65, 'x'), {{"a", {}}}}}};
  for (const auto& shapes : bad) {
    const auto writer = FrameWriter::create(shapes);
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().slug, "sealed.frame.shape");
  }
}

TEST(Records, ATruncatedFrameIsRefusedAtEveryLength) {
  const Bytes frame = sample();
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const auto read = read_frame(ByteView(frame).substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().slug, "sealed.frame.malformed");
  }
  EXPECT_FALSE(read_frame(frame + std::string(8, '\0')));
}

/// A byte that is changed is refused or changes what is read: nothing hides beside the values.
TEST(Records, NoByteCanBeChangedUnseen) {
  const Bytes frame = sample();
  const std::string before = json_of(frame);
  for (std::size_t i = 0; i < frame.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes other = frame;
      other[i] = static_cast<char>(other[i] ^ (1 << bit));
      const auto read = read_frame(other);
      if (!read) continue;
      std::string after;
      append_json(after, *read);
      bool moved = after != before;
      for (std::size_t t = 0; t < 2 && !moved; ++t) {  // or a row's subject
        const auto original = read_frame(frame);
        for (std::size_t s = 0; s < 3; ++s) moved |= read->tables[t].first_row(s) != original->tables[t].first_row(s);
      }
      ASSERT_TRUE(moved) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(Records, ManyRandomRowsComeBack) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  auto writer = FrameWriter::create({{"t", {{"n", FieldType::integer}, {"s", FieldType::text}}}});
  ASSERT_TRUE(writer);
  std::vector<std::pair<std::int64_t, std::string>> rows;
  for (int subject = 0; subject < 50; ++subject) {
    writer->begin_subject();
    for (std::uint64_t i = random() % 10; i > 0; --i) {
      rows.emplace_back(static_cast<std::int64_t>(random()), std::string(random() % 20, 'x'));
      const Bytes n = stored(FieldType::integer, std::to_string(rows.back().first));
      const Bytes s = stored(FieldType::text, rows.back().second);
      ASSERT_TRUE(writer->add(0, std::vector<ByteView>{n, s}));
    }
  }
  Bytes frame;
  ASSERT_TRUE(writer->finish(frame));
  const auto read = read_frame(frame);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->tables[0].rows, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(read->tables[0].columns[0].number(i), rows[i].first);
    EXPECT_EQ(read->tables[0].columns[1].bytes(i), rows[i].second);
  }
}

}  // namespace
}  // namespace holdfast::sealed
