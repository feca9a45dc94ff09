// The tile of a product, INVOCATIONS as K_GROUPS grids of GRID_ROWS x GRID_COLUMNS. The variant's constants: an invocation has
// 4 ROW_BLOCKS rows x 4 COLUMN_BLOCKS columns, row block i of invocation (r, c) being 4 rows from 4 (r + GRID_ROWS i), column block j the
// vec4 c + GRID_COLUMNS j. 8 x 8 invocations make square tiles, 16 x 4 tall ones, for outputs of few channels.
const GRID: u32 = INVOCATIONS / K_GROUPS;
const GRID_ROWS: u32 = GRID / GRID_COLUMNS;
const A_WIDTH: u32 = GRID_ROWS * ROW_BLOCKS;
const B_WIDTH: u32 = GRID_COLUMNS * COLUMN_BLOCKS;
const TILE_ROWS: u32 = 4u * A_WIDTH;
// Rows from one of an invocation's blocks to the next.
const ROWS_APART: u32 = 4u * GRID_ROWS;
const SUMS: u32 = 4u * ROW_BLOCKS * COLUMN_BLOCKS;
