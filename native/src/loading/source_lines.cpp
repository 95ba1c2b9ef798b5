// Note [Debug information]
// Each instruction has a handle (`mobile_debug_handles.pkl`), each handle a place in the source and
// the calls that led there (`callstack_debug_map.pkl`), each place a text (`*.debug_pkl`). Layouts:
// torch/csrc/jit/serialization/source_range_serialization.cpp,
// callstack_debug_info_serialization.cpp beside it, and torch/csrc/jit/mobile/debug_info.cpp, which
// trusts what it reads. What is there in another form than these is left out: an error needs no
// line.
#include "loading/source_lines.h"

#include "loading/archive.h"

#include <torch/csrc/jit/serialization/unpickler.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace build_runtime {
namespace {

using c10::IValue;
namespace jit = torch::jit;

constexpr char kHandles[] = "mobile_debug_handles.pkl";
constexpr char kCalls[] = "callstack_debug_map.pkl";
constexpr char kPlaces[] = ".debug_pkl";
constexpr size_t kLargest = size_t{1} << 26; // bytes of all records: beyond, they are not kept
constexpr size_t kLongest = 200;             // bytes of a line
constexpr size_t kMostFrames = 200;

bool ends_with(const std::string& text, const char* end) {
  const size_t size = std::strlen(end);
  return text.size() >= size && text.compare(text.size() - size, size, end) == 0;
}

// The items of a tuple or list; of anything else none.
c10::ArrayRef<IValue> items(const IValue& value) {
  if (value.isTuple()) {
    return value.toTupleRef().elements().asArrayRef();
  }
  return value.isList() ? value.toListRef() : c10::ArrayRef<IValue>();
}

bool is_row(c10::ArrayRef<IValue> row, size_t size) {
  return row.size() == size && row[0].isInt();
}

// A line of source, or of a traced model one of the calls it was traced in. Without a file, none.
struct Frame {
  std::string file;
  std::string number;
  std::string text;
};

// What the author of the model wrote is more telling than what torch's layers do.
bool of_torch(const Frame& frame) {
  return frame.file.find("-packages/torch/") != std::string::npos ||
         frame.file.find("-packages\\torch\\") != std::string::npos;
}

std::string shown(const Frame& frame) {
  std::string line = frame.file + ":" + frame.number + ": " + frame.text;
  if (line.size() > kLongest) {
    size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) {
      --end; // inside of a letter
    }
    line.resize(end);
  }
  std::replace_if(
      line.begin(), line.end(),
      [](char letter) { return static_cast<unsigned char>(letter) < ' ' || letter == 0x7F; }, ' ');
  return line;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  const size_t end = text.find_last_not_of(" \t\r");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

// One line of a stack: `FILE(NUMBER): FUNCTION`.
Frame parse_call(const std::string& line) {
  const size_t close = line.find("): ");
  const size_t open = close == std::string::npos ? close : line.rfind('(', close);
  if (open == std::string::npos || open == 0 || close == open + 1 ||
      line.find_first_not_of("0123456789", open + 1) != close) {
    return {};
  }
  return {line.substr(0, open), line.substr(open + 1, close - open - 1), line.substr(close + 3)};
}

// A source: its text, the file it is of, and the number of its first line.
struct Text {
  std::string text;
  std::string file;
  int64_t first = 0;
};

// The calls of a stack, from the inside out.
void find_calls(const std::string& stack, std::vector<Frame>& frames) {
  for (size_t at = 0; at < stack.size() && frames.size() < kMostFrames;) {
    const size_t end = std::min(stack.find('\n', at), stack.size());
    Frame call = parse_call(stack.substr(at, end - at));
    if (!call.file.empty()) {
      frames.push_back(std::move(call));
    }
    at = end + 1;
  }
}

// The frames at a byte of a source: of a traced model all, of others the line that is there.
void find_frames(const Text& source, size_t start, std::vector<Frame>& frames) {
  const std::string& text = source.text;
  if (source.file.empty() || start >= text.size()) {
    return;
  }
  if (start == 0 && !parse_call(text.substr(0, text.find('\n'))).file.empty()) {
    find_calls(text, frames);
    return;
  }
  const size_t before = start == 0 ? std::string::npos : text.rfind('\n', start - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const auto lines = std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(start), '\n');
  frames.push_back({source.file, std::to_string(source.first + lines),
                    trimmed(text.substr(begin, text.find('\n', start) - begin))});
}

// Text `number` of a table, or "".
std::string entry(c10::ArrayRef<IValue> table, const IValue& number) {
  if (!number.isInt() || number.toInt() < 0 ||
      static_cast<uint64_t>(number.toInt()) >= table.size()) {
    return "";
  }
  const IValue& value = table[static_cast<size_t>(number.toInt())];
  return value.isString() ? value.toStringRef() : "";
}

// A source as it is written: pieces by their numbers in a table, or in older files the text itself.
Text read_text(c10::ArrayRef<IValue> source, c10::ArrayRef<IValue> table) {
  Text read;
  if (source.size() != 3 || !source[2].isInt() || source[2].toInt() < 0 ||
      source[2].toInt() > INT32_MAX) {
    return read;
  }
  read.first = source[2].toInt();
  if (source[0].isString() && source[1].isString()) {
    read.text = source[0].toStringRef();
    read.file = source[1].toStringRef();
    return read;
  }
  read.file = entry(table, source[1]);
  for (const IValue& number : items(source[0])) {
    read.text += entry(table, number);
    if (read.text.size() > kLargest) {
      return {};
    }
  }
  return read;
}

// The frames of one place, if a record of places has it.
void find_place(const IValue& record, int64_t tag, std::vector<Frame>& frames) {
  auto rows = items(record);
  c10::ArrayRef<IValue> table;
  if (rows.size() == 3 && rows[0].isString()) {
    table = items(rows[1]);
    rows = items(rows[2]);
  }
  for (const IValue& value : rows) {
    const auto row = items(value);
    if (row.size() != 3 || !row[2].isInt() || row[2].toInt() != tag) {
      continue;
    }
    const auto range = items(row[1]);
    if (range.size() == 3 && range[1].isInt() && range[1].toInt() >= 0) {
      find_frames(read_text(items(range[0]), table), static_cast<size_t>(range[1].toInt()), frames);
      return;
    }
  }
}

// The handle of an instruction, or -1. Of operators that a backend took over the innermost is it.
int64_t find_handle(const IValue& functions, const std::string& function, size_t instruction) {
  for (const IValue& value : items(functions)) {
    const auto named = items(value);
    if (named.size() < 2 || !named[0].isString() || named[0].toStringRef() != function) {
      continue;
    }
    const auto tables = items(named[1]);
    const auto first = tables.empty() ? tables : items(tables[0]);
    const auto listed = first.size() < 2 ? c10::ArrayRef<IValue>() : items(first[1]);
    const auto handles = listed.empty() ? listed : items(listed[0]);
    if (instruction >= handles.size()) {
      return -1;
    }
    const auto several = items(handles[instruction]);
    const IValue& handle = several.empty() ? handles[instruction] : several.back();
    return handle.isInt() ? handle.toInt() : -1;
  }
  return -1;
}

// The places of a handle, from the inside out.
std::vector<int64_t> find_tags(const IValue& calls, int64_t handle) {
  std::vector<int64_t> tags;
  for (const IValue& value : items(calls)) {
    const auto row = items(value);
    if (!is_row(row, 4) || row[0].toInt() != handle || !row[1].isInt()) {
      continue;
    }
    for (auto call = items(row[3]); call.size() == 4 && tags.size() < kMostFrames;
         call = items(call[2])) {
      tags.push_back(call[1].isInt() ? call[1].toInt() : -1);
    }
    tags.push_back(row[1].toInt());
    std::reverse(tags.begin(), tags.end());
    break;
  }
  return tags;
}

IValue unpickle(const void* data, size_t size) {
  check_pickle(data, size);
  return jit::Unpickler(bytes_of(data, size), nullptr, c10::ArrayRef<at::Tensor>(),
                        /*type_parser=*/nullptr)
      .parse_ivalue();
}

} // namespace

SourceLines::SourceLines(caffe2::serialize::PyTorchStreamReader& reader) {
  if (!reader.hasRecord(kHandles) || !reader.hasRecord(kCalls)) {
    return;
  }
  size_t total = 0;
  for (const std::string& name : reader.getAllRecords()) {
    if (name == kHandles || name == kCalls || ends_with(name, kPlaces)) {
      Record& record = records_[name];
      std::tie(record.data, record.size) = reader.getRecord(name);
      total += record.size;
    }
    if (total > kLargest) {
      records_.clear();
      return;
    }
  }
}

std::string SourceLines::find(const std::string& function, size_t instruction) const {
  if (records_.empty()) {
    return "";
  }
  const auto read = [this](const std::string& name) {
    const Record& record = records_.at(name);
    return unpickle(record.data.get(), record.size);
  };
  const int64_t handle = find_handle(read(kHandles), function, instruction);
  const auto tags = find_tags(read(kCalls), handle);
  std::vector<IValue> places;
  for (const auto& record : records_) {
    if (ends_with(record.first, kPlaces)) {
      places.push_back(read(record.first));
    }
  }
  std::vector<Frame> frames;
  for (const int64_t tag : tags) {
    for (const IValue& record : places) {
      find_place(record, tag, frames);
    }
  }
  for (const Frame& frame : frames) {
    if (!of_torch(frame)) {
      return shown(frame);
    }
  }
  return frames.empty() ? "" : shown(frames[0]);
}

} // namespace build_runtime
