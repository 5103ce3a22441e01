"""The CUDA sources of what slides windows over images: convolution's columns, and pooling.

One kernel makes an array of windows from an image, its adjoint an image from an array of windows. See
`source` for what `real`, `mark` and the orders of memory are.
"""

FORWARD = r"""
// -- convolution -------------------------------------------------------------------------------------------

// columns (C*KH*KW, OH*OW*N): row (c, kh, kw) holds the pixel that each window has there, 0 in the padding.
extern "C" __global__ void im2col(
    const real* x, real* columns, int rows, int images, int height, int width, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h,
    int dilation_w, long long along_n, long long along_c, long long along_h, long long along_w)
{
    unsigned int length = (unsigned int)out_height * out_width * images;
    unsigned int column = blockIdx.x * THREADS + threadIdx.x;
    if (column >= length) return;
    int n = column % images, ow = column / images % out_width, oh = column / images / out_width;
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        int kw = row % kernel_w, kh = row / kernel_w % kernel_h, c = row / kernel_w / kernel_h;
        int h = oh * stride_h + kh * dilation_h - pad_h, w = ow * stride_w + kw * dilation_w - pad_w;
        bool inside = h >= 0 && h < height && w >= 0 && w < width;
        columns[(long long)row * length + column] =
            inside ? x[n * along_n + c * along_c + h * along_h + w * along_w] : (real)0;
    }
}

// -- pooling: y (C, OH, OW, N) -----------------------------------------------------------------------------

// The largest value of each window and its position in it; 0 if nothing exceeds -infinity.
extern "C" __global__ void max_pool_forward(
    const real* x, real* y, mark* argmax, int channels, int images, int height, int width, int out_height,
    int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w,
    int dilation_h, int dilation_w, long long along_n, long long along_c, long long along_h,
    long long along_w)
{
    unsigned int outputs = (unsigned int)out_height * out_width * images;
    unsigned int output = blockIdx.x * THREADS + threadIdx.x;
    if (output >= outputs) return;
    int n = output % images, ow = output / images % out_width, oh = output / images / out_width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real best = log((real)0);  // minus infinity
        int position = 0;
        for (int kh = 0; kh < kernel_h; ++kh)
            for (int kw = 0; kw < kernel_w; ++kw) {
                int h = oh * stride_h + kh * dilation_h - pad_h, w = ow * stride_w + kw * dilation_w - pad_w;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;
                real here = x[n * along_n + c * along_c + h * along_h + w * along_w];
                if (here > best) position = kh * kernel_w + kw;
                if (here > best || here != here) best = here;  // NaN stays, for no number is larger
            }
        y[(long long)c * outputs + output] = best;
        argmax[(long long)c * outputs + output] = position;
    }
}

// The number of values in the window of one output pixel along one axis; `counted` of the padded zeros on
// each side are among them, what hangs over their end is not.
__device__ int values(int output, int kernel, int stride, int pad, int counted, int size)
{
    int start = output * stride - pad, end = start + kernel;
    return (end < size + counted ? end : size + counted) - (start > -counted ? start : -counted);
}

extern "C" __global__ void avg_pool_forward(
    const real* x, int count_padding, real* y, int channels, int images, int height, int width,
    int out_height, int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h,
    int pad_w, int dilation_h, int dilation_w, long long along_n, long long along_c, long long along_h,
    long long along_w)
{
    unsigned int outputs = (unsigned int)out_height * out_width * images;
    unsigned int output = blockIdx.x * THREADS + threadIdx.x;
    if (output >= outputs) return;
    int n = output % images, ow = output / images % out_width, oh = output / images / out_width;
    int count_h = count_padding ? pad_h : 0, count_w = count_padding ? pad_w : 0;
    real count = values(oh, kernel_h, stride_h, pad_h, count_h, height)
        * values(ow, kernel_w, stride_w, pad_w, count_w, width);
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        double sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh)
            for (int kw = 0; kw < kernel_w; ++kw) {
                int h = oh * stride_h + kh * dilation_h - pad_h, w = ow * stride_w + kw * dilation_w - pad_w;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;
                sum += x[n * along_n + c * along_c + h * along_h + w * along_w];
            }
        y[(long long)c * outputs + output] = sum / count;
    }
}
"""

# Every adjoint asks of each pixel of dx (C, H, W, N) in which windows it stands, and adds up what it gets
# from each: TERM, where c, kh, kw tell the position and `output` the window (OH, OW, N). No two threads add
# to the same number.
WINDOW_OF = r"""
// The window in which `pixel` stands `shift` pixels after the start, or -1: they start every `stride` pixels.
__device__ int window_of(int pixel, int pad, int shift, int stride, int windows)
{
    int start = pixel + pad - shift;  // counted in the padded image
    return start < 0 || start % stride || start / stride >= windows ? -1 : start / stride;
}
"""
ADJOINT = r"""
extern "C" __global__ void NAME(
    INPUTS, real* dx, int channels, int images, int height, int width, int out_height,
    int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w,
    int dilation_h, int dilation_w)
{
    unsigned int pixels = (unsigned int)height * width * images;
    long long outputs = (long long)out_height * out_width * images;
    unsigned int pixel = blockIdx.x * THREADS + threadIdx.x;
    if (pixel >= pixels) return;
    int n = pixel % images, w = pixel / images % width, h = pixel / images / width;
    for (int c = blockIdx.y; c < channels; c += gridDim.y) {
        real sum = 0;
        for (int kh = 0; kh < kernel_h; ++kh) {
            int oh = window_of(h, pad_h, kh * dilation_h, stride_h, out_height);
            if (oh < 0) continue;
            for (int kw = 0; kw < kernel_w; ++kw) {
                int ow = window_of(w, pad_w, kw * dilation_w, stride_w, out_width);
                if (ow < 0) continue;
                long long output = ((long long)oh * out_width + ow) * images + n;
                sum += TERM;
            }
        }
        dx[(long long)c * pixels + pixel] = sum;
    }
}
"""


def _adjoint(name, inputs, term):
    return ADJOINT.replace("NAME", name).replace("INPUTS", inputs).replace("TERM", term)


WINDOWS = "".join(
    (
        FORWARD,
        WINDOW_OF,
        _adjoint(
            "col2im",
            "const real* columns",
            "columns[(((long long)c * kernel_h + kh) * kernel_w + kw) * outputs + output]",
        ),
        _adjoint(  # only a window whose largest the pixel is
            "max_pool_backward",
            "const real* dy, const mark* argmax",
            "argmax[c * outputs + output] == kh * kernel_w + kw ? dy[c * outputs + output] : (real)0",
        ),
        _adjoint(  # the same fraction for every pixel of a window
            "avg_pool_backward",
            "const real* dy, int count_padding",
            "dy[c * outputs + output]"
            " / (real)(values(oh, kernel_h, stride_h, pad_h, count_padding ? pad_h : 0, height)"
            " * values(ow, kernel_w, stride_w, pad_w, count_padding ? pad_w : 0, width))",
        ),
    )
)
