#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sdk/guest/holdfast.hpp"
#include "disclosure/value.h"
#include "sealed/formats/records.h"

namespace holdfast::sealed {
namespace {

using agreement::FieldType;

/// For as long as it lives, descriptor `fd` is a file in memory.
class Instead {
 public:
  Instead(int fd, ByteView content) : fd_(fd), kept_(dup(fd)), file_(memfd_create("instead", 0)) {
    HF_ASSERT(write(file_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    lseek(file_, 0, SEEK_SET);
    dup2(file_, fd_);
  }
  ~Instead() {
    dup2(kept_, fd_);
    close(kept_);
    close(file_);
  }
  Instead(const Instead&) = delete;
  Instead& operator=(const Instead&) = delete;
  Bytes content() const {
    Bytes out(static_cast<std::size_t>(lseek(file_, 0, SEEK_END)), '\0');
    HF_ASSERT(pread(file_, out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
    return out;
  }

 private:
  int fd_, kept_, file_;
};

Bytes frame_of_views() {
  auto writer = FrameWriter::create({{"views",
                                      {{"video", FieldType::text},
                                       {"at", FieldType::time},
                                       {"liked", FieldType::boolean},
                                       {"price", FieldType::decimal},
                                       {"born", FieldType::date},
                                       {"tags", FieldType::text_list}}}});
  HF_ASSERT(writer);
  writer->begin_subject();
  writer->begin_subject();
  for (const char* row : {"v1", "v22", ""}) {
    const auto stored = [](FieldType type, std::string_view text) {
      return disclosure::value_from_text(type, text).value();
    };
    const Bytes video = stored(FieldType::text, row), at = stored(FieldType::time, "1970-01-01T00:00:01Z"),
                liked = stored(FieldType::boolean, "true"), price = stored(FieldType::decimal, "1.25"),
                born = stored(FieldType::date, "1970-01-03"), tags = stored(FieldType::text_list, R"(["a","bc"])");
    const bool gap = *row == '\0';
    HF_ASSERT(writer->add(
        0, std::vector<ByteView>{gap ? ByteView() : video, at, liked, price, born, gap ? ByteView() : tags}));
  }
  Bytes out;
  HF_ASSERT(writer->finish(out));
  return out;
}

TEST(GuestSdk, ReadsWhatTheTrusteeWritesAndTheContextBehindIt) {
  const Bytes frame = frame_of_views();
  const Instead input(0, frame + "model");
  guest::Input in;
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.subjects(), 2u);
  EXPECT_FALSE(in.table("profile"));
  const auto views = in.table("views");
  ASSERT_TRUE(views);
  EXPECT_EQ(views.rows(), 3u);
  EXPECT_EQ(views.first(1), 0u);
  EXPECT_EQ(views.first(2), 3u);
  EXPECT_FALSE(views.column("watched"));
  EXPECT_EQ(views.column("video").text(1), "v22");
  EXPECT_TRUE(views.column("video").present(1));
  EXPECT_FALSE(views.column("video").present(2));
  EXPECT_EQ(views.column("at").number(2), 1000);
  EXPECT_EQ(views.column("at").numbers(3)[0], 1000);
  EXPECT_EQ(views.column("liked").number(0), 1);
  EXPECT_EQ(views.column("price").number(0), 125);
  EXPECT_EQ(views.column("price").scale(0), 2);
  EXPECT_EQ(views.column("born").number(0), 2);
  ASSERT_EQ(views.column("tags").items(1), 2u);
  EXPECT_EQ(views.column("tags").item(1, 1), "bc");
  char model[5];
  ASSERT_TRUE(guest::read_context(model, sizeof model));
  EXPECT_EQ(std::string_view(model, 5), "model");
  EXPECT_FALSE(guest::read_context(model, 1));
}

TEST(GuestSdk, FramesComeOneAfterAnother) {
  const Bytes frame = frame_of_views();
  const Instead input(0, frame + frame + frame.substr(0, 40));
  guest::Input in;
  EXPECT_TRUE(in.next());
  EXPECT_TRUE(in.next());
  EXPECT_EQ(in.table("views").rows(), 3u);
  EXPECT_FALSE(in.next());  // cut off
}

std::string answered(const Bytes& frame) {
  const auto read = read_frame(frame);
  if (!read) return read.error().text();
  std::string json;
  append_json(json, *read);
  return json;
}

TEST(GuestSdk, WritesWhatTheTrusteeReads) {
  Bytes any, texts, none;
  {
    const Instead output(1, {});
    guest::Answer answer("feed");
    answer.add("video", {"v1", "", "v333"});
    answer.add("score", HF_INTEGER, {3, -2, 1});
    ASSERT_TRUE(answer.send());
    any = output.content();
  }
  {
    const Instead output(1, {});
    const hf_string rows[] = {{"v1", 2}, {"long enough", 11}};
    ASSERT_TRUE(hf_answer_texts("feed", "video", rows, 2));
    texts = output.content();
  }
  {
    const Instead output(1, {});
    ASSERT_TRUE(hf_answer_texts("feed", "video", nullptr, 0));
    none = output.content();
  }
  EXPECT_EQ(answered(any), R"({"feed":[{"video":"v1","score":3},{"video":"","score":-2},{"video":"v333","score":1}]})");
  EXPECT_EQ(answered(texts), R"({"feed":[{"video":"v1"},{"video":"long enough"}]})");
  EXPECT_EQ(answered(none), R"({"feed":[]})");
}

}  // namespace
}  // namespace holdfast::sealed
