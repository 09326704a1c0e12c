#include "trustee/modules/synthetic.h"

#include <fmt/format.h>

#include <array>
#include <random>

#include "disclosure/value.h"
#include "sealed/formats/records.h"

namespace holdfast::trustee {
namespace {

using agreement::FieldType;

constexpr std::array kTexts = {
    "en",    "de",         "zh", "Zoë Müller",     "王小明", "94105", "cats, and other things",
    "עברית", "emoji 🙂", "a",  "line\nand line", "id-0",   ""};

/// A value as a CSV file would spell it, drawn from what is common and from the edges.
std::string spelling(FieldType type, std::mt19937_64& random) {
  const std::uint64_t draw = random();
  switch (type) {
    case FieldType::text:
      // Half of them repeat among few, as names of things do.
      return draw % 2 == 0 ? fmt::format("v{}", draw / 2 % 500) : kTexts[draw / 2 % kTexts.size()];
    case FieldType::integer:
      return draw % 16 == 0 ? "-9223372036854775808" : fmt::format("{}", draw / 16 % 100'000);
    case FieldType::decimal:
      return fmt::format("{}.{:02}", draw % 1000, draw / 1000 % 100);
    case FieldType::boolean:
      return draw % 2 == 0 ? "true" : "false";
    case FieldType::date:
      return fmt::format("{}-{:02}-{:02}", 1940 + draw % 80, 1 + draw / 80 % 12, 1 + draw / 960 % 28);
    case FieldType::time:
      return fmt::format("2026-{:02}-{:02}T{:02}:{:02}:00Z", 1 + draw % 12, 1 + draw / 12 % 28, draw / 336 % 24,
                         draw / 8064 % 60);
    case FieldType::duration:
      return fmt::format("{}ms", draw % 300'000);
    case FieldType::bytes:
      return to_base64(fmt::format("{:016x}", draw).substr(draw % 17));
    case FieldType::text_list:
      return draw % 8 == 0 ? "[]" : fmt::format(R"(["t{}","t{}"])", draw % 50, draw / 50 % 50);
  }
  return "";
}

}  // namespace

Result<Bytes> synthetic_frame(const agreement::Plan& plan, const agreement::Flow& flow, unsigned subjects,
                              unsigned rows) {
  std::vector<sealed::TableShape> shapes;
  for (const agreement::Reads& reads : flow.reads) {
    const agreement::Collection& collection = plan.collections[reads.collection];
    sealed::TableShape& table = shapes.emplace_back();
    table.name = collection.name;
    for (const agreement::FieldIndex field : reads.fields) {
      table.columns.push_back({collection.fields[field].name, collection.fields[field].type});
    }
  }
  HF_TRY(auto writer, sealed::FrameWriter::create(shapes));
  std::mt19937_64 random(rows + 1);
  for (unsigned subject = 0; subject < subjects; ++subject) {
    writer.begin_subject();
    for (std::size_t table = 0; table < shapes.size(); ++table) {
      const bool many = plan.collections[flow.reads[table].collection].append_only();
      const unsigned count = many ? rows : std::min(rows, 1u);
      for (unsigned row = 0; row < count; ++row) {
        std::vector<Bytes> values;
        for (const sealed::ColumnShape& column : shapes[table].columns) {
          const bool absent = row > 0 && random() % 16 == 0;
          HF_TRY(Bytes value, disclosure::value_from_text(column.type, spelling(column.type, random)));
          values.push_back(absent ? Bytes() : std::move(value));
        }
        HF_CHECK(writer.add(table, std::vector<ByteView>(values.begin(), values.end())));
      }
    }
  }
  Bytes out;
  HF_CHECK(writer.finish(out));
  return out;
}

}  // namespace holdfast::trustee
