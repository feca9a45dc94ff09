// The stem on a device's matrix units: a dense 3x3 convolution of stride 2 over images of three channels, which lie in memory as four, to
// no more than SIDE outputs. A workgroup has ACROSS columns of outputs at a time and goes down the rows of a block, see blocks and
// dense_block. In workgroup memory lie the three lines of the input that a row of outputs meets. The 16 numbers from pixel 2 x on are the
// three pixels that output x meets, and one that is taken times zero: so a matrix whose lines begin two pixels apart has what a filter row
// meets of SIDE outputs, of which nothing has to be copied.
// The kernel declares `params` and `input` [n][h][w], in units of 4 channels.
#import convolution
#import dense_block
#import blocks

const ACROSS: u32 = 2u * SIDE;
// Of a line, the one that is taken times zero included.
const PIXELS: u32 = 2u * ACROSS + 2u;
// Numbers of a filter row: three pixels of four channels.
const ROW: u32 = 12u;
// An invocation's of two lines, which the row of outputs before did not load.
const_assert LOADS == (2u * PIXELS + INVOCATIONS - 1u) / INVOCATIONS;
const LINES_HALVES: u32 = 3u * PIXELS;

alias Lines = array<Value, LOADS>;

// Which of the two lines of a row, and which pixel of it, an invocation's load `h` is of; those beyond the last are not kept.
fn line_of(lane: u32, h: u32) -> u32 {
    return (lane + h * INVOCATIONS) / PIXELS;
}

fn pixel_of(lane: u32, h: u32) -> u32 {
    return (lane + h * INVOCATIONS) % PIXELS;
}

fn input_row(y: i32, line: u32) -> i32 {
    return y * 2 + 1 + i32(line) - i32(params.pad_y);
}

fn input_column(x: u32, pixel: u32) -> i32 {
    return i32(2u * x + pixel) - i32(params.pad_x);
}

// What lies in memory of the second and third line that row y of image n meets, from column x of the outputs on; where there is none, of
// the nearest.
fn lines_at(n: u32, y: i32, x: u32, lane: u32) -> Lines {
    var lines: Lines;
    #unroll h LOADS
        let row = u32(clamp(input_row(y, line_of(lane, h)), 0, i32(params.in_height) - 1));
        let column = u32(clamp(input_column(x, pixel_of(lane, h)), 0, i32(params.in_width) - 1));
        lines[h] = input[(n * params.in_height + row) * params.in_width + column];
    #end
    return lines;
}

// The place of filter row i's line in turn 0 or 1: the last line of a row of outputs is the first of the next and stays where it is.
fn place_of(i: u32, turn: u32) -> u32 {
    return select(i, 2u - i, turn == 1u) * PIXELS;
}

// Puts the second and third line of row y where they belong in this turn, with zeros beyond the edge.
fn put_lines(lines: Lines, y: i32, x: u32, lane: u32, turn: u32) {
    #unroll h LOADS
        let line = line_of(lane, h);
        let pixel = pixel_of(lane, h);
        let row = input_row(y, line);
        let column = input_column(x, pixel);
        let there = (row >= 0) & (row < i32(params.in_height)) & (column >= 0) & (column < i32(params.in_width));
        if line < 2u {
            put(place_of(line + 1u, turn) + pixel, select(vec4<f16>(), vec4<f16>(from_value(lines[h])), there));
        }
    #end
}
