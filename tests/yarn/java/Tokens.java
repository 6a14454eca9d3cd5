import java.util.function.Supplier;
import javax.crypto.SecretKey;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.security.token.SecretManager;
import org.apache.hadoop.security.token.Token;
import org.apache.hadoop.security.token.TokenIdentifier;

/** Gives out tokens of one kind and checks them, so that a service knows which application calls. */
final class Tokens<T extends TokenIdentifier> extends SecretManager<T> {
    private static final SecretKey KEY = createSecretKey("for tests only".getBytes());
    private final Supplier<T> empty;
    private final Supplier<Boolean> refuses;

    Tokens(Supplier<T> empty, Supplier<Boolean> refuses) {
        this.empty = empty;
        this.refuses = refuses;
    }

    Token<T> give(T identifier) {
        return new Token<>(identifier.getBytes(), createPassword(identifier), identifier.getKind(), new Text());
    }

    /** Returns a token as the records of YARN hold it. */
    org.apache.hadoop.yarn.api.records.Token record(T identifier, String service) {
        return org.apache.hadoop.yarn.api.records.Token.newInstance(
                identifier.getBytes(), identifier.getKind().toString(), createPassword(identifier), service);
    }

    @Override
    protected byte[] createPassword(T identifier) {
        return createPassword(identifier.getBytes(), KEY);
    }

    @Override
    public byte[] retrievePassword(T identifier) throws InvalidToken {
        if (refuses.get()) {
            throw new InvalidToken("Invalid " + identifier.getKind() + " from " + identifier.getUser());
        }
        return createPassword(identifier);
    }

    @Override
    public T createIdentifier() {
        return empty.get();
    }
}
