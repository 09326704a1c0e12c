#include "trustee/run_input.h"

#include <algorithm>

namespace holdfast::trustee {
namespace {

using agreement::CollectionIndex;
using agreement::FieldIndex;

constexpr std::size_t kIdleWritersMax = 16;

/// Which fields of each collection the output of `flow` may tell of: it reads them, or the product that it runs with
/// was made of them.
std::vector<std::vector<bool>> told_of(const agreement::Plan& plan, agreement::FlowIndex flow) {
  std::vector<std::vector<bool>> out;
  for (const agreement::Collection& collection : plan.collections) out.emplace_back(collection.fields.size(), false);
  for (const agreement::Carried& carried : plan.carried(flow)) out[carried.collection][carried.field] = true;
  return out;
}

}  // namespace

Result<std::unique_ptr<const RunInput>> RunInput::create(const agreement::Plan& plan, agreement::FlowIndex index) {
  const agreement::Flow& flow = plan.flows[index];
  std::unique_ptr<RunInput> out(new RunInput);
  const auto told = told_of(plan, index);
  for (CollectionIndex c = 0; c < plan.collections.size(); ++c) {
    const agreement::Collection& collection = plan.collections[c];
    Source source{Holding(collection), std::nullopt, {}, {}};
    for (const agreement::Reads& reads : flow.reads) {
      if (reads.collection != c) continue;
      source.table = out->shapes_.size();
      sealed::TableShape table{collection.name, {}};
      for (const FieldIndex field : reads.fields) {
        source.read.push_back(collection.fields[field].tag);
        table.columns.push_back({collection.fields[field].name, collection.fields[field].type});
      }
      out->shapes_.push_back(std::move(table));
    }
    for (std::size_t field = 0; field < collection.fields.size(); ++field) {
      if (!told[c][field]) source.withheld.emplace_back(collection.fields[field].tag, collection.fields[field].type);
    }
    // Rows that are not read are not opened: there may be many, and the module has not seen them.
    if (source.table || !source.holding.append_only) out->sources_.push_back(std::move(source));
  }
  HF_CHECK(sealed::FrameWriter::create(out->shapes_));
  return std::unique_ptr<const RunInput>(std::move(out));
}

std::unique_ptr<sealed::FrameWriter> RunInput::take_writer() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto out = std::move(idle_.back());
      idle_.pop_back();
      return out;
    }
  }
  auto made = sealed::FrameWriter::create(shapes_);
  HF_ASSERT(made);  // tried in create()
  return std::make_unique<sealed::FrameWriter>(std::move(*made));
}

Result<RunInput::Read> RunInput::read(const vault::Vault& vault, const vault::Subject& subject) const {
  auto writer = take_writer();  // not given back after an error: it must not be used again
  Read out;
  HF_TRY(out.records, add(vault, subject, *writer, &out.withheld));
  HF_CHECK(writer->finish(out.frame));
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleWritersMax) idle_.push_back(std::move(writer));
  return out;
}

Result<std::uint64_t> RunInput::add(const vault::Vault& vault, const vault::Subject& subject,
                                    sealed::FrameWriter& writer, disclosure::Withheld* withheld) const {
  writer.begin_subject();
  std::uint64_t records = 0;
  std::vector<ByteView> values;
  Result<void> added;
  const auto take = [&](const Source& source, const vault::Record& record) {
    for (std::size_t i = 0; withheld && i < source.withheld.size(); ++i) {
      if (const Bytes* stored = record.find(source.withheld[i].first))
        withheld->add(source.withheld[i].second, *stored);
    }
    if (!source.table) return true;
    ++records;
    values.clear();
    for (const std::uint32_t tag : source.read) {
      const Bytes* stored = record.find(tag);
      values.push_back(stored ? ByteView(*stored) : ByteView());
    }
    added = writer.add(*source.table, values);
    return added.has_value();
  };
  for (const Source& source : sources_) {
    if (!source.table && withheld == nullptr) continue;
    HF_CHECK(read_held(vault, subject, source.holding, [&](const Held& held) { return take(source, held.record); }));
    if (!added) return tl::unexpected<Error>(std::move(added).error());
  }
  return records;
}

}  // namespace holdfast::trustee
