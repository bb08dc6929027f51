"""Image files of every kind, right, hostile and broken, with known pixels."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crisisweave.errors import DataError
from crisisweave.images import decode as decode_module
from crisisweave.images.decode import decode, load_rgb

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def pixel(path: Path, x: int = 0, y: int = 0) -> tuple[int, ...]:
    image = load_rgb(path)
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def png(width: int, height: int, bit_depth: int, colour_type: int, raw: bytes) -> bytes:
    """A PNG written by hand: Pillow writes no 16-bit colour and no header that lies."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


class TestLoadsRight:
    @pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
    def test_each_format_whatever_the_file_is_called(self, tmp_path: Path, format_name: str) -> None:
        path = saved(tmp_path / "image.jpg", Image.new("RGB", (16, 16), (200, 40, 90)), format=format_name)
        assert np.abs(np.array(pixel(path, 8, 8)) - (200, 40, 90)).max() <= 3

    def test_cmyk_jpeg_in_adobe_convention(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95)
        assert Image.open(path).mode == "CMYK"
        assert b"Adobe" in path.read_bytes()
        assert np.abs(np.array(pixel(path, 8, 8)) - RED).max() <= 3

    def test_palette(self, tmp_path: Path) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *BLUE])
        image.putpixel((1, 0), 1)
        path = saved(tmp_path / "a.png", image)
        assert (pixel(path, 0), pixel(path, 1)) == (RED, BLUE)

    def test_palette_with_transparency_lies_on_white(self, tmp_path: Path) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *BLUE])
        image.putpixel((1, 0), 1)
        path = saved(tmp_path / "a.png", image, transparency=0)
        assert (pixel(path, 0), pixel(path, 1)) == (WHITE, BLUE)

    @pytest.mark.parametrize(
        ("mode", "colour", "expected"),
        [
            ("RGBA", (0, 0, 0, 0), WHITE),
            ("RGBA", (255, 0, 0, 255), RED),
            ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
            ("LA", (0, 51), (204, 204, 204)),
            ("L", 77, (77, 77, 77)),
            ("1", 1, WHITE),
        ],
    )
    def test_transparency_and_grey(
        self, tmp_path: Path, mode: str, colour: object, expected: tuple[int, ...]
    ) -> None:
        assert pixel(saved(tmp_path / "a.png", Image.new(mode, (4, 4), colour))) == expected

    def test_sixteen_bit_grey_is_scaled_not_clipped(self, tmp_path: Path) -> None:
        values = np.array([[0, 257, 32_768, 65_535]], dtype=np.uint16)
        path = saved(tmp_path / "a.png", Image.fromarray(values))
        assert [pixel(path, x)[0] for x in range(4)] == [0, 1, 128, 255]

    def test_sixteen_bit_colour_is_scaled(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(png(1, 1, 16, 2, b"\0" + struct.pack(">HHH", 65_535, 32_896, 0)))
        assert pixel(path) == (255, 128, 0)

    @pytest.mark.parametrize("suffix", ["gif", "webp"])
    def test_an_animation_gives_its_first_frame(self, tmp_path: Path, suffix: str) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
        path = tmp_path / f"a.{suffix}"
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert pixel(path, 4, 4) == RED

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, tmp_path: Path, orientation: int) -> None:
        """A red corner on the upper left must come back there from each way of holding the camera."""
        upright = Image.new("RGB", (32, 16), BLUE)
        upright.paste(RED, (0, 0, 8, 8))
        inverse = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        stored = upright.transpose(inverse[orientation]) if orientation > 1 else upright
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path / "a.png", stored, exif=exif)
        assert list(load_rgb(path).get_flattened_data()) == list(upright.get_flattened_data())

    def test_damaged_exif_counts_as_none(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (16, 16), RED), exif=b"Exif\0\0garbage" * 3)
        assert load_rgb(path).size == (16, 16)

    def test_a_reduced_decode_keeps_what_was_asked_for(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (1600, 1200), RED))
        reduced = decode(path.read_bytes(), path, at_least=300)
        assert reduced.rgb.size == (400, 300)
        assert (reduced.width, reduced.height) == (1600, 1200)


class TestRefuses:
    @pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp"])
    @pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
    def test_truncated(self, tmp_path: Path, suffix: str, kept: float) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(DataError, match=rf"a\.{suffix}: .*(truncated or damaged|not a readable image)"):
            load_rgb(path)

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        with pytest.raises(DataError, match=r"a\.jpg: the image file is empty"):
            load_rgb(tmp_path / "a.jpg")

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"a\.jpg: no such image file"):
            load_rgb(tmp_path / "a.jpg")

    @pytest.mark.parametrize(
        "content", [b"<html>not found</html>", b"\0" * 100, b"\xff\xd8\xff\xe0", b"GIF89a"]
    )
    def test_not_an_image(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(DataError, match="not a readable image of the formats JPEG, PNG, GIF, WEBP, BMP"):
            load_rgb(tmp_path / "a.jpg")

    @pytest.mark.parametrize("format_name", ["TIFF", "ICO", "PPM", "EPS"])
    def test_formats_outside_the_list(self, tmp_path: Path, format_name: str) -> None:
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (16, 16)), format=format_name)
        with pytest.raises(DataError, match="not a readable image"):
            load_rgb(path)

    @pytest.mark.parametrize("side", [7_072, 12_000, 60_000])
    def test_a_decompression_bomb_is_refused_on_its_header(self, tmp_path: Path, side: int) -> None:
        path = tmp_path / "bomb.png"
        path.write_bytes(png(side, side, 8, 2, b""))
        with pytest.raises(DataError, match=r"bomb\.png: .*decompression bomb"):
            load_rgb(path)

    def test_a_gif_whose_frame_is_larger_than_its_screen(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        Image.new("P", (2, 2)).save(buffer, "GIF")
        content = bytearray(buffer.getvalue())
        frame = content.index(b"\x2c")
        content[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
        (tmp_path / "bomb.gif").write_bytes(content)
        with pytest.raises(DataError, match=r"bomb\.gif: .*decompression bomb"):
            load_rgb(tmp_path / "bomb.gif")

    def test_a_file_over_the_size_limit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decode_module, "MAX_BYTES", 10)
        path = saved(tmp_path / "a.png", Image.new("RGB", (4, 4)))
        with pytest.raises(DataError, match=r"a\.png: .*over the limit of 10"):
            load_rgb(path)

    def test_a_file_that_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refusal to read is the data's fault, not the output disk's."""
        path = saved(tmp_path / "a.png", Image.new("RGB", (4, 4)))

        def refuse(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(DataError, match=r"a\.png: the image file cannot be read: Permission denied"):
            load_rgb(path)
