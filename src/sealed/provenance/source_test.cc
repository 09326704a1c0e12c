#include "sealed/provenance/source.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace holdfast::sealed {
namespace {

Key256 secret(char fill) { return Key256::from(std::string(32, fill)).value(); }

std::vector<SourceFile> files(int count) {
  std::vector<SourceFile> out;
  for (int i = count; i-- > 0;) {
    const std::string path = "src/file" + std::to_string(i) + ".cc";
    out.push_back({path, i % 3 == 0 ? SourceKind::executable : SourceKind::file, sha256("content of " + path)});
  }
  return out;
}

SourceTree tree_of(std::vector<SourceFile> all, char fill = 's') {
  return std::move(SourceTree::create(std::move(all), secret(fill)).value());
}

TEST(Source, EveryFileOpensAndLeadsToTheCommitmentInTreesOfEverySize) {
  for (int count = 1; count <= 20; ++count) {
    const SourceTree tree = tree_of(files(count));
    const SourceCommitment commitment = tree.commitment();
    EXPECT_EQ(commitment.files, static_cast<std::uint64_t>(count));
    for (const SourceFile& file : tree.files()) {
      const auto opening = tree.open(file.path);
      ASSERT_TRUE(opening);
      EXPECT_TRUE(check_opening(*opening, commitment)) << count << " " << file.path;
      const auto read = parse_opening(to_json(*opening));
      ASSERT_TRUE(read) << to_json(*opening);
      EXPECT_TRUE(check_opening(*read, commitment));
    }
  }
}

TEST(Source, TheCommitmentDependsOnContentPathKindAndSecretAndNotOnOrder) {
  const SourceCommitment base = tree_of(files(7)).commitment();
  auto other = files(7);
  std::ranges::reverse(other);
  EXPECT_EQ(tree_of(other).commitment(), base);
  EXPECT_NE(tree_of(files(7), 't').commitment(), base);
  other[3].content = sha256("else");
  EXPECT_NE(tree_of(other).commitment(), base);
  other = files(7);
  other[3].path += "x";
  EXPECT_NE(tree_of(other).commitment(), base);
  other = files(7);
  other[3].kind = SourceKind::link;
  EXPECT_NE(tree_of(other).commitment(), base);
}

TEST(Source, AnOpeningOfAnythingElseIsSeen) {
  const SourceTree tree = tree_of(files(7));
  const SourceCommitment commitment = tree.commitment();
  const SourceOpening good = tree.open("src/file3.cc").value();
  const auto slug_of = [&](auto change) {
    SourceOpening opening = good;
    change(opening);
    const auto checked = check_opening(opening, commitment);
    return checked ? "good" : checked.error().slug;
  };
  EXPECT_EQ(slug_of([](SourceOpening&) {}), "good");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.file.path = "src/file4.cc"; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.file.content.bytes[0] ^= 1; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.file.kind = SourceKind::link; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.salt.bytes[0] ^= 1; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.index = 4; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.files = 8; }), "sealed.opening.wrong");
  EXPECT_EQ(slug_of([](SourceOpening& o) { o.proof.pop_back(); }), "sealed.opening.wrong");
}

TEST(Source, PathsThatLeadElsewhereOrAreThereTwiceAreRefused) {
  for (const char* path : {"", "/etc/passwd", "a//b", "a/../b", ".", "a/", "\xff"}) {
    const auto tree = SourceTree::create({{path, SourceKind::file, Hash{}}}, secret('s'));
    ASSERT_FALSE(tree) << path;
    EXPECT_EQ(tree.error().slug, "sealed.source.path") << path;
  }
  EXPECT_EQ(SourceTree::create({{"a", {}, {}}, {"a", {}, {}}}, secret('s')).error().slug, "sealed.source.path");
  EXPECT_EQ(SourceTree::create({}, secret('s')).error().slug, "sealed.source.large");
  EXPECT_EQ(tree_of(files(2)).open("src/none").error().slug, "sealed.source.unknown");
}

TEST(Source, DamagedOpeningsDoNotRead) {
  const std::string good = to_json(tree_of(files(5)).open("src/file3.cc").value());
  ASSERT_TRUE(parse_opening(good));
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse_opening(good.substr(0, size)));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return parse_opening(text.replace(text.find(from), from.size(), to)).has_value();
  };
  EXPECT_TRUE(with("\"kind\":\"x\"", "\"kind\":\"l\""));
  EXPECT_FALSE(with("\"kind\":\"x\"", "\"kind\":\"d\""));
  EXPECT_FALSE(with("\"index\":3", "\"index\":-3"));
  EXPECT_FALSE(with("\"index\":3", "\"index\":5"));
  EXPECT_FALSE(with("\"index\":3", "\"more\":1,\"index\":3"));
}

}  // namespace
}  // namespace holdfast::sealed
