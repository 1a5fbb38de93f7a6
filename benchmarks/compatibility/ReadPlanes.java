import java.io.BufferedOutputStream;
import java.io.OutputStream;
import loci.common.DebugTools;
import loci.formats.FormatTools;
import loci.formats.ImageReader;

/** Writes "PLANES HEIGHT WIDTH BYTES", and then the planes of an image, little-endian, to standard output. */
public class ReadPlanes {
  public static void main(String[] arguments) throws Exception {
    DebugTools.setRootLevel("OFF");
    try (ImageReader reader = new ImageReader()) {
      reader.setId(arguments[0]);
      int deep = FormatTools.getBytesPerPixel(reader.getPixelType());
      boolean swapped = deep == 2 && !reader.isLittleEndian();
      OutputStream out = new BufferedOutputStream(System.out);
      String head = reader.getImageCount() + " " + reader.getSizeY() + " " + reader.getSizeX() + " " + deep + "\n";
      out.write(head.getBytes());
      for (int plane = 0; plane < reader.getImageCount(); plane++) {
        byte[] pixels = reader.openBytes(plane);
        for (int i = 0; swapped && i < pixels.length; i += 2) {
          byte first = pixels[i];
          pixels[i] = pixels[i + 1];
          pixels[i + 1] = first;
        }
        out.write(pixels);
      }
      out.flush();
    } catch (Throwable error) {
      System.err.println(error.getClass().getSimpleName() + ": " + error.getMessage());
      System.exit(1);
    }
  }
}
