#include "evidence/formats/tile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "evidence/formats/tree.h"

namespace holdfast::evidence {
namespace {

using testing::UnorderedElementsAre;

TEST(TilePath, IsTheSpecificationsForEveryShapeOfNumber) {
  const auto path = [](std::uint64_t number) { return TileId{.number = number}.path(); };
  EXPECT_EQ(path(0), "tile/0/000");
  EXPECT_EQ(path(7), "tile/0/007");
  EXPECT_EQ(path(999), "tile/0/999");
  EXPECT_EQ(path(1000), "tile/0/x001/000");
  EXPECT_EQ(path(1234067), "tile/0/x001/x234/067");
  EXPECT_EQ(path(1'000'000'000), "tile/0/x001/x000/x000/000");
  EXPECT_EQ((TileId{.level = 63, .number = 1, .width = 255}).path(), "tile/63/001.p/255");
  EXPECT_EQ((TileId{.entries = true, .number = 1234, .width = 7}).path(), "tile/entries/x001/234.p/7");
}

TEST(TilePath, ParsesWhatItWritesAndNothingElse) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    TileId id{.entries = random() % 4 == 0,
              .level = static_cast<std::uint8_t>(random() % 64),
              .number = (random() >> 8) >> (random() % 56),
              .width = static_cast<std::uint16_t>(1 + random() % 256)};
    if (id.entries) id.level = 0;
    const auto again = TileId::parse(id.path());
    ASSERT_TRUE(again) << id.path();
    EXPECT_EQ(*again, id) << id.path();
  }
  for (const std::string_view path : {"",
                                      "tile",
                                      "tile/",
                                      "tile/0",
                                      "tile/0/",
                                      "tile/0/0",
                                      "tile/0/00",
                                      "tile/0/0000",
                                      "tile/00/000",
                                      "tile/64/000",
                                      "tile/-1/000",
                                      "tile/+1/000",
                                      "tile/0/000/",
                                      "tile/0/x000/001",
                                      "tile/0/x001",
                                      "tile/0/001/000",
                                      "x1/000",
                                      "tile/0/x1/000",
                                      "tile/0/x001/00",
                                      "tile/0/xx01/000",
                                      "tile/0/000.p",
                                      "tile/0/000.p/",
                                      "tile/0/000.p/0",
                                      "tile/0/000.p/256",
                                      "tile/0/000.p/01",
                                      "tile/0/000.p/+1",
                                      "tile/0/000.p/1/",
                                      "tile/0/000.p/1.p/1",
                                      "/tile/0/000",
                                      "tile/0/000 ",
                                      "tile/0/000?x",
                                      "tile/entry/000",
                                      "tile/entries/0",
                                      "tile/data/000",
                                      "tile/0/../000",
                                      "tile/0/x999/x999/x999/x999/x999/x999/999",
                                      "tile/0/9999999999999999999999"}) {
    EXPECT_FALSE(TileId::parse(path)) << path;
  }
  EXPECT_FALSE(TileId::parse(std::string("tile/0/000\0", 11)));
}

TEST(TilesOf, IsTheSpecificationsTable) {
  const auto paths = [](std::uint64_t size, std::uint64_t from = 0) {
    std::vector<std::string> out;
    for (const TileId& id : tiles_of(size, from)) out.push_back(id.path());
    return out;
  };
  EXPECT_THAT(paths(0), UnorderedElementsAre());
  EXPECT_THAT(paths(1), UnorderedElementsAre("tile/entries/000.p/1", "tile/0/000.p/1"));
  EXPECT_THAT(paths(256), UnorderedElementsAre("tile/entries/000", "tile/0/000", "tile/1/000.p/1"));
  EXPECT_THAT(paths(257), UnorderedElementsAre("tile/entries/000", "tile/entries/001.p/1", "tile/0/000",
                                               "tile/0/001.p/1", "tile/1/000.p/1"));
  EXPECT_THAT(paths(70000, 69900),
              UnorderedElementsAre("tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"));
  const auto all = paths(70000);
  EXPECT_EQ(all.size(), 274u + 274 + 2 + 1);
}

TEST(TilesOf, TheTilesOfAGrowingTreeJoinUp) {
  // What a mirror fetches, step by step, must be what it would fetch at once, but for partial tiles.
  const std::vector<std::uint64_t> sizes = {0, 1, 255, 256, 300, 511, 512, 65535, 65536, 65537, 70000, 131072};
  std::vector<std::string> full;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    for (const TileId& id : tiles_of(sizes[i], sizes[i - 1])) {
      if (id.width == kTileWidth) full.push_back(id.path());
    }
  }
  std::vector<std::string> at_once;
  for (const TileId& id : tiles_of(sizes.back())) {
    if (id.width == kTileWidth) at_once.push_back(id.path());
  }
  EXPECT_THAT(full, testing::UnorderedElementsAreArray(at_once));
}

TEST(ReadHashes, FindsSubtreesInTilesAskingForEachOnce) {
  constexpr std::uint64_t size = 600;
  std::vector<Hash> leaves;
  Frontier frontier;
  for (std::uint64_t i = 0; i < size; ++i) {
    leaves.push_back(leaf_hash(std::to_string(i)));
    frontier.append(leaves.back());
  }
  std::vector<std::string> asked;
  const auto fetch = [&](const TileId& id) -> Result<Bytes> {
    asked.push_back(id.path());
    Bytes out;
    for (std::uint64_t i = id.number * kTileWidth; i < id.number * kTileWidth + id.width; ++i) {
      if (id.level == 0)
        out += leaves[i].view();
      else
        out += complete_root(std::span(leaves).subspan(i * kTileWidth, kTileWidth)).view();
    }
    return out;
  };
  const HashReader read = read_hashes(size, fetch);
  EXPECT_EQ(root_of(size, read).value(), frontier.root());
  EXPECT_EQ(root_of(size, read).value(), frontier.root());
  EXPECT_THAT(asked, UnorderedElementsAre("tile/1/000.p/2", "tile/0/002.p/88"));
  EXPECT_EQ(read(8, 1).value(), complete_root(std::span(leaves).subspan(256, 256)));
  EXPECT_EQ(read(3, 70).value(), complete_root(std::span(leaves).subspan(560, 8)));

  const auto cut = [&](const TileId& id) -> Result<Bytes> { return fetch(id)->substr(1); };
  EXPECT_EQ(root_of(size, read_hashes(size, cut)).error().code, Code::corrupt);
}

TEST(Bundle, SplitsIntoWhatWasPut) {
  const std::vector<Bytes> entries = {"", "a", "bc", Bytes(kEntryBytesMax, 'x')};
  Bytes bundle;
  for (const Bytes& entry : entries) put_entry(bundle, entry);
  const auto split = split_bundle(bundle, entries.size());
  ASSERT_TRUE(split);
  ASSERT_EQ(split->size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) EXPECT_EQ((*split)[i], entries[i]);
  EXPECT_TRUE(split_bundle("", 0));
}

TEST(Bundle, OfAnotherWidthOrLengthIsCorrupt) {
  Bytes bundle;
  put_entry(bundle, "one");
  put_entry(bundle, "two");
  EXPECT_EQ(split_bundle(bundle, 1).error().code, Code::corrupt);
  EXPECT_EQ(split_bundle(bundle, 3).error().code, Code::corrupt);
  for (std::size_t size = 0; size < bundle.size(); ++size)
    EXPECT_FALSE(split_bundle(bundle.substr(0, size), 2)) << size;
  EXPECT_FALSE(split_bundle(bundle + '\0', 2));
}

}  // namespace
}  // namespace holdfast::evidence
