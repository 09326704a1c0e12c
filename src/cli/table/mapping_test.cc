#include "cli/table/mapping.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "base/file.h"
#include "cli/table/chunks.h"

namespace holdfast::cli {
namespace {

using agreement::FieldType;

agreement::Collection profile() {
  agreement::Collection out;
  out.name = "profile";
  const auto add = [&out](const char* name, FieldType type) {
    agreement::Field field;
    field.name = name;
    field.type = type;
    out.fields.push_back(std::move(field));
  };
  add("email", FieldType::text);
  add("birthdate", FieldType::date);
  add("active", FieldType::boolean);
  add("tags", FieldType::text_list);
  add("watched", FieldType::duration);
  add("at", FieldType::time);
  return out;
}

std::string mapped(const std::vector<std::string>& header, const std::vector<std::string>& cells,
                   const MappingOptions& options) {
  auto mapper = RowMapper::create(profile(), header, options);
  if (!mapper) return mapper.error().text();
  std::string out;
  const auto appended = mapper->append(cells, out);
  return appended ? mapper->header() + out : appended.error().text();
}

TEST(TimeFormat, reads_what_it_says_and_nothing_else) {
  const auto converted = [](const char* format, const char* cell) {
    return TimeFormat::parse(format)->convert(cell).value_or("nothing");
  };
  EXPECT_EQ(converted("M/D/YYYY", "3/29/1982"), "1982-03-29");
  EXPECT_EQ(converted("M/D/YYYY", "12/01/1982"), "1982-12-01");
  EXPECT_EQ(converted("DD.MM.YYYY", "01.02.1990"), "1990-02-01");
  EXPECT_EQ(converted("YYYY-MM-DD", "1990-02-01"), "1990-02-01");
  EXPECT_EQ(converted("unix", "1465413032"), "2016-06-08T19:10:32.000Z");
  EXPECT_EQ(converted("unix-ms", "1465413032123"), "2016-06-08T19:10:32.123Z");
  for (const char* bad : {"", "3/29", "29/3/1982", "2/30/1990", "3/29/82", "3/29/1982 ", "3-29-1982"}) {
    EXPECT_EQ(converted("M/D/YYYY", bad), "nothing") << bad;
  }
  EXPECT_EQ(converted("DD.MM.YYYY", "1.2.1990"), "nothing");
  EXPECT_EQ(converted("unix", "12.5"), "nothing");
  EXPECT_EQ(converted("unix", "-1"), "nothing");
  for (const char* bad : {"", "M/D", "D/M/YY", "MMM/D/YYYY", "M/D/YYYYY", "M/D/YYYY hh", "iso"}) {
    EXPECT_FALSE(TimeFormat::parse(bad)) << bad;
  }
}

TEST(RowMapper, takes_mapped_columns_and_leaves_the_rest) {
  MappingOptions options;
  options.subject = "Number";
  options.maps = {"email=EmailAddress", "birthdate=Birthday"};
  options.formats = {"birthdate=M/D/YYYY"};
  const std::vector<std::string> header{"Number", "EmailAddress", "Birthday", "CCNumber"};
  EXPECT_EQ(mapped(header, {"1", "a\"b@example.org", "3/29/1982", "5.5E+15"}, options),
            "subject,email,birthdate\n1,\"a\"\"b@example.org\",1982-03-29\n");
  EXPECT_EQ(mapped(header, {"1", "", "", ""}, options), "subject,email,birthdate\n1,,\n");
  EXPECT_NE(mapped(header, {"", "x", "", ""}, options).find("[cli.import.empty]"), std::string::npos);
  EXPECT_NE(mapped(header, {"1", "x", "29/3/1982", ""}, options).find("[cli.import.format]"), std::string::npos);
  EXPECT_NE(mapped(header, {"1", "x"}, options).find("[cli.import.width]"), std::string::npos);
  EXPECT_NE(mapped(header, {"1", "\xff", "", ""}, options).find("[cli.import.encoding]"), std::string::npos);
  const auto mapper = RowMapper::create(profile(), header, options);
  EXPECT_EQ(mapper->left_out(), std::vector<std::string>{"CCNumber"});
}

TEST(RowMapper, types_are_spelled_as_the_deposit_takes_them) {
  const std::vector<std::string> header{"subject", "active", "tags", "watched", "at"};
  EXPECT_EQ(mapped(header, {"1", "TRUE", "[\"a\", \"b\"]", "12.5", "2026-01-01T00:00:00Z"}, {}),
            "subject,active,tags,watched,at\n1,true,\"[\"\"a\"\",\"\"b\"\"]\",12.5,2026-01-01T00:00:00Z\n");
  for (const char* cell : {" a", "a ", "\ta", "a,b", "a\nb", "a\rb"}) {  // a space around a cell belongs to it
    EXPECT_EQ(mapped({"subject", "email"}, {"1", cell}, {}), std::string("subject,email\n1,\"") + cell + "\"\n");
  }
  EXPECT_NE(mapped(header, {"1", "yes", "", "", ""}, {}).find("[cli.import.boolean]"), std::string::npos);
  EXPECT_NE(mapped(header, {"1", "", "a,b", "", ""}, {}).find("[cli.import.list]"), std::string::npos);
}

TEST(RowMapper, a_wrong_mapping_is_told_before_any_row) {
  EXPECT_NE(mapped({"subject", "emial"}, {}, {}).find("did you mean 'email'?"), std::string::npos);
  MappingOptions options;
  options.maps = {"email=EmailAdress"};
  EXPECT_NE(mapped({"subject", "EmailAddress"}, {}, options).find("did you mean 'EmailAddress'?"), std::string::npos);
  EXPECT_NE(mapped({"email"}, {}, {}).find("[cli.import.column]"), std::string::npos);  // no subject
  EXPECT_NE(mapped({"subject", "email", "email"}, {}, {}).find("two columns"), std::string::npos);
  options.maps = {"email=a", "email=b"};
  EXPECT_NE(mapped({"subject", "a", "b"}, {}, options).find("[cli.import.field]"), std::string::npos);
  options.maps = {"email"};
  options.formats = {"email=M/D/YYYY"};
  EXPECT_NE(mapped({"subject", "email"}, {}, options).find("[cli.import.format]"), std::string::npos);
}

TEST(RowMapper, an_append_only_collection_needs_its_key) {
  auto collection = profile();
  collection.key = "event";
  EXPECT_FALSE(RowMapper::create(collection, {"subject", "email"}, {}));
  MappingOptions options;
  options.maps = {"event=id", "email=email"};
  auto mapper = RowMapper::create(collection, {"subject", "id", "email"}, options);
  ASSERT_TRUE(mapper) << mapper.error().text();
  std::string out;
  ASSERT_TRUE(mapper->append(std::vector<std::string>{"s", "e1", "x"}, out));
  EXPECT_EQ(mapper->header() + out, "subject,email,event\ns,x,e1\n");
}

TEST(RowMapper, spreadsheet_damage_is_counted_and_not_mended) {
  for (const char* yes : {"5.54563E+15", "5E+15", "1,5E+10"}) EXPECT_TRUE(is_spreadsheet_damage(yes)) << yes;
  for (const char* no : {"", "E+15", "GE+12", "5.5E+1", "123456789", "5.5E15", "5.5E+15x"}) {
    EXPECT_FALSE(is_spreadsheet_damage(no)) << no;
  }
  auto mapper = RowMapper::create(profile(), {"subject", "email"}, {});
  std::string out;
  ASSERT_TRUE(mapper->append(std::vector<std::string>{"1", "5.54563E+15"}, out));
  EXPECT_NE(out.find("5.54563E+15"), std::string::npos);
  EXPECT_EQ(mapper->damaged().at("email"), 1u);
}

class Chunks : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "holdfast-cli-XXXXXX";
    folder_ = mkdtemp(path.data());
    path_ = folder_ + "/rows.csv";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  Result<ReadSummary> read(std::string_view content) {
    EXPECT_TRUE(write_file(path_, content));
    chunks_.clear();
    return read_csv_chunks(path_, profile(), {}, [this](Chunk&& chunk) {
      chunks_.push_back(std::move(chunk));
      return true;
    });
  }
  std::string folder_, path_;
  std::vector<Chunk> chunks_;
};

TEST_F(Chunks, a_mark_crlf_quotes_and_bad_rows) {
  const auto read_all = read("\xEF\xBB\xBFsubject,email\r\n1,\"a,\"\"b\"\"\nc\"\r\n2\r\n\r\n3,x\r\n");
  ASSERT_TRUE(read_all) << read_all.error().text();
  ASSERT_EQ(chunks_.size(), 1u);
  EXPECT_EQ(chunks_[0].body, "subject,email\n1,\"a,\"\"b\"\"\nc\"\n3,x\n");
  EXPECT_EQ(chunks_[0].rows, (std::vector<std::uint64_t>{2, 4}));
  EXPECT_EQ(chunks_[0].row_of(3), 4u) << "the server's line 1 is the header";
  for (const std::uint64_t none : {0u, 1u, 4u}) EXPECT_EQ(chunks_[0].row_of(none), 0u) << none;
  ASSERT_EQ(chunks_[0].problems.size(), 1u);
  EXPECT_EQ(chunks_[0].problems[0].row, 3u);
  EXPECT_EQ(chunks_[0].problems[0].code, "cli.import.width");
  EXPECT_EQ(read_all->rows, 3u);
}

TEST_F(Chunks, what_is_no_table_is_refused) {
  EXPECT_EQ(read("").error().slug, "cli.import.header");
  EXPECT_EQ(read("PK\x03\x04zip").error().slug, "cli.import.zipped");
  EXPECT_EQ(read("subject,\"email\n").error().slug, "cli.import.csv");
  EXPECT_EQ(read("subject,nothing\n1,a\n").error().slug, "cli.import.field");
  for (const char* json : {"{\"subject\": \"1\"}\n", "{ \"subject\": \"1\"}\n"}) {
    const auto refused = read(json);
    EXPECT_EQ(refused.error().slug, "cli.import.csv");
    EXPECT_NE(refused.error().what.find("--format ndjson"), std::string::npos) << refused.error().what;
  }
  EXPECT_EQ(read("{subject}\n").error().slug, "cli.import.column");
}

TEST_F(Chunks, rows_before_a_break_are_handed_on_and_the_break_is_told) {
  for (const char* rest : {"3,a\"b\n4,x\n", "3,\"open\n4,x\n"}) {
    const auto broken = read(std::string("subject,email\n1,x\n2\n") + rest);
    ASSERT_TRUE(broken) << broken.error().text();
    ASSERT_TRUE(broken->broken) << rest;
    EXPECT_EQ(broken->broken->slug, "cli.import.csv");
    EXPECT_EQ(broken->broken->where, path_ + ":row 4");
    EXPECT_EQ(broken->rows, 2u);
    ASSERT_EQ(chunks_.size(), 1u);
    EXPECT_EQ(chunks_[0].body, "subject,email\n1,x\n");
    EXPECT_EQ(chunks_[0].problems.size(), 1u);
  }
  const auto whole = read("subject,email\n1,x\n");
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->broken);
}

TEST_F(Chunks, a_long_file_is_cut_into_numbered_chunks) {
  std::string content = "subject,email\n";
  const std::vector<std::size_t> sizes{kFirstChunkRows, 4 * kFirstChunkRows, kChunkRows, kChunkRows, 10};
  for (std::size_t i = 0; i < std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}); ++i) {
    content += std::to_string(i) + ",x\n";
  }
  ASSERT_TRUE(read(content));
  ASSERT_EQ(chunks_.size(), sizes.size());
  for (std::size_t i = 0, row = 2; i < sizes.size(); row += sizes[i++]) {  // the header is row 1
    EXPECT_EQ(chunks_[i].number, i);
    EXPECT_EQ(chunks_[i].rows.size(), sizes[i]);
    EXPECT_EQ(chunks_[i].rows.front(), row);
  }
  EXPECT_EQ(chunks_.back().file_bytes, content.size());
}

}  // namespace
}  // namespace holdfast::cli
